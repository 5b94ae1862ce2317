"""Names as paths of keys."""

from __future__ import annotations

import pytest

from git_theta.errors import FormatError
from git_theta.formats.pickle.tree import join, key_name


@pytest.mark.parametrize(
    ("key", "name"), [("w", "w"), (3, "3"), (None, "None"), (True, "True"), (("a",), "7")]
)
def test_keys_as_names(key: object, name: str) -> None:
    assert key_name(key, 7) == name


def test_a_name_has_a_limit() -> None:
    assert join("a", None) == "a"
    with pytest.raises(FormatError, match="more than 4096 characters"):
        join("a" * 4000, "b" * 4000)
