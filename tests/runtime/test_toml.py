"""TOML from files that somebody else may have written."""

from __future__ import annotations

import pytest

from git_theta.runtime.toml import parse_toml_file


def test_a_table() -> None:
    assert parse_toml_file(b'a.b = "1.2.3"\n[[c]]\nd = [1.5, 2.5]\n') == {
        "a": {"b": "1.2.3"},
        "c": [{"d": [1.5, 2.5]}],
    }
    names = ", ".join(f'"model.layers.{layer}.attention.weight"' for layer in range(100)).encode()
    assert len(parse_toml_file(b"names = [" + names + b"]")["names"]) == 100


@pytest.mark.parametrize("text", [b"%s = 1", b"[%s]", b"a = {%s = 1}", b"[[%s]]", b"\n  %s=1"])
@pytest.mark.parametrize("part", [b"a", b'"a b"', b"'a' "])
def test_a_key_of_very_many_parts_is_refused_at_once(text: bytes, part: bytes) -> None:
    with pytest.raises(ValueError, match="a key has more than 64 parts"):
        parse_toml_file(text % b".".join([part] * 100_000))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"a =", "Invalid value"),
        (b"\xff", "utf-8"),
        (b"a = " + b"[" * 100_000, "too many levels"),
        (b"a = " + b"1" * 5000, "digits"),
    ],
)
def test_other_texts_are_refused(text: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_toml_file(text)


def test_a_long_word_takes_time_in_proportion() -> None:
    assert len(parse_toml_file(b'a = "' + b"x" * 900_000 + b'"')["a"]) == 900_000
