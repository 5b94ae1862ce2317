from __future__ import annotations

import pytest

from git_theta.errors import UsageError
from git_theta.model.parameter_names import matches, select, unknown_parameter

NAMES = ["b.weight", "a.weight", "a.bias", "w[0]", "w0"]


@pytest.mark.parametrize(
    ("name", "patterns", "expected"),
    [
        ("a.weight", ["a.weight"], True),
        ("a.weight", ["*.bias", "a.*"], True),
        ("layers/0/weight", ["*weight"], True),
        ("A.weight", ["a.*"], False),
        ("a.weight", ["weight"], False),
        ("a.weight", [], False),
        ("w[0]", ["w[0]"], True),
        ("w0", ["w[0]"], True),
    ],
)
def test_matches(name: str, patterns: list[str], expected: bool) -> None:
    assert matches(name, patterns) is expected


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        (None, ["a.bias", "a.weight", "b.weight", "w0", "w[0]"]),
        ([], []),
        ("a.*", ["a.bias", "a.weight"]),
        (["*.weight", "a.weight", "a.bias"], ["a.bias", "a.weight", "b.weight"]),
        (["w[0]"], ["w[0]"]),
        (["w[01]"], ["w0"]),
    ],
)
def test_select(patterns: list[str] | str | None, expected: list[str]) -> None:
    assert select(NAMES, patterns, "m.pt") == expected


def test_each_pattern_must_match() -> None:
    message = r"no parameter 'a.wieght' in m.pt\nhint: the closest: a.weight, b.weight"
    with pytest.raises(UsageError, match=message):
        select(NAMES, ["a.bias", "a.wieght"], "m.pt")


def test_an_unknown_parameter_of_an_empty_checkpoint() -> None:
    error = unknown_parameter(["a", "b\x1b"], [], "m.pt")
    assert str(error) == "there's no parameter 'a' or 'b\\x1b' in m.pt\nhint: it has no parameters"


def test_suggested_names_are_safe_on_a_terminal() -> None:
    assert "the closest: a%1B b" in str(unknown_parameter(["a*"], ["a\x1b b"], "m.pt"))
