"""Values in JSON by their paths."""

from __future__ import annotations

import pytest

from git_theta.errors import FormatError
from git_theta.formats.json_leaves import json_leaves


def test_paths() -> None:
    assert json_leaves(b'{"a": [1, {"b": "\xc3\xbc"}], "c": {}, "d": null, "e": []}') == {
        "a/0": "1",
        "a/1/b": '"ü"',
        "c": "{}",
        "d": "null",
        "e": "[]",
    }
    assert json_leaves(b"3") == {"": "3"}


def test_identities_are_numbered() -> None:
    found = json_leaves(b'[{"shared_object_id": 90}, {"shared_object_id": 7}, {"shared_object_id": 90}]')
    assert list(found.values()) == ["0", "1", "0"]


@pytest.mark.parametrize("text", [b"{", b"[" * 100_000, b"\xff", b"9" * 5000, b" " * ((1 << 24) + 1)])
def test_texts_that_are_refused(text: bytes) -> None:
    with pytest.raises(FormatError):
        json_leaves(text)


def test_long_paths_are_refused() -> None:
    key = "k" * 100_000
    with pytest.raises(FormatError, match="more values"):
        json_leaves(f'{{"{key}": [{"1, " * 1000} 1]}}'.encode())
