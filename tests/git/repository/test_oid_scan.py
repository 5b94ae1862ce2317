from __future__ import annotations

import pytest

from git_theta.git.repository.oid_scan import find_object_names

A, B = "a" * 64, "01" * 32


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (b"", set()),
        (A.encode(), {A}),
        (f"{A}+3:{B}\n".encode(), {A, B}),
        (f"xyz{A}xyz".encode(), {A}),
        (f"{A}0".encode(), set()),
        (f"{A[:-1]} {B}".encode(), {B}),
        (A.upper().encode(), set()),
        (b"\xff" + A.encode() + b"\0", {A}),
    ],
)
def test_words_of_64_hexadecimal_digits(text: bytes, names: set[str]) -> None:
    assert find_object_names(text) == names
