"""YAML from files that somebody else may have written."""

from __future__ import annotations

import pytest

from git_theta.runtime.yaml import parse_yaml_file


def test_maps_lists_and_values() -> None:
    text = b"a: &x [1, 2.5, true, text, 1e-4]\nb: *x\nc:\n"
    assert parse_yaml_file(text) == {
        "a": [1, 2.5, True, "text", "1e-4"],
        "b": [1, 2.5, True, "text", "1e-4"],
        "c": None,
    }
    assert parse_yaml_file(b"") is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"a: [1", "line 1: expected ',' or ']'"),
        (b"a: 1\na: 2\n", "line 2: the key 'a' is there twice"),
        (b"a: &x {b: 1}\nc: {<<: *x}\n", "line 2: the key << isn't supported"),
        (b"a: !!python/object/apply:os.system ['true']\n", "line 1: could not determine a constructor"),
        (b"a: !!float x\n", "could not convert"),
        (b"a: !!int ''\n", "a value isn't valid"),
        (b"a: 2020-13-45\n", "month must be in 1..12"),
        (b"a: \xff\n", "invalid start byte"),
        (b"a: \0\n", "special characters"),
        (b"{[1]: 2}", "unhashable"),
        (b"[" * 30_000, "too many levels"),
        (b"a: 1\n---\nb: 2\n", "another document"),
    ],
)
def test_other_bytes_are_refused_with_the_reason(text: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message.replace("[", r"\[").replace("]", r"\]")):
        parse_yaml_file(text)
