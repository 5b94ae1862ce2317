from __future__ import annotations

import json

import pytest

from git_theta.cli.render import print_json, print_table, ratio


@pytest.mark.parametrize(("part", "whole", "expected"), [(1, 4, "0.250"), (0, 4, "0.000"), (0, 0, "-")])
def test_ratio(part: int, whole: int, expected: str) -> None:
    assert ratio(part, whole) == expected


def test_a_table_in_a_pipe_is_aligned_and_never_wrapped(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("name", ">size"), [("a", "1"), ("字" * 60, "1,000")])
    head, first, second = capsys.readouterr().out.splitlines()
    assert head == "name" + " " * 119 + "size"
    assert first == "a" + " " * 125 + "1"
    assert second == "字" * 60 + "  1,000"


def test_json_is_ascii(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"größe": "\udcff"})
    text = capsys.readouterr().out
    assert text.isascii()
    assert json.loads(text) == {"größe": "\udcff"}
