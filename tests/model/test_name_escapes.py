from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_theta.errors import ManifestError
from git_theta.model.name_escapes import escape, sort_key, unescape


@given(st.text(min_size=1))
def test_unescape_of_escape_is_the_identity(name: str) -> None:
    written = escape(name)
    assert unescape(written) == name
    assert written == "".join(written.split())
    written.encode()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a b", "a%20b"),
        ("50%", "50%25"),
        ("ä/β.weight", "ä/β.weight"),
        ("\u202eevil", "%E2%80%AEevil"),
        ("\ud800", "%ED%A0%80"),
    ],
)
def test_nothing_invisible_is_left(name: str, text: str) -> None:
    assert escape(name) == text
    assert unescape(text) == name


@pytest.mark.parametrize("text", ["", "a b", "%61", "%2", "%ff", "100%"])
def test_other_forms_are_refused(text: str) -> None:
    with pytest.raises(ManifestError, match="valid parameter name"):
        unescape(text)


def test_the_order_is_that_of_the_escaped_bytes() -> None:
    assert sorted(["ä", "a b", "a!", "z"], key=sort_key) == ["a!", "a b", "z", "ä"]


def test_a_name_has_a_bound_on_its_characters() -> None:
    assert unescape(escape(" " * 16_384)) == " " * 16_384
    with pytest.raises(ManifestError, match="more than 16384 characters"):
        unescape("x" * 16_385)
