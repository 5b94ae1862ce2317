"""Inputs that are decoded for their first readers only."""

from __future__ import annotations

import pytest

from git_theta.encoding.kept_input import KeptInput
from git_theta.updates.base import Pieces


@pytest.mark.parametrize(("nbytes", "decoded"), [(1 << 20, 1), (8 << 20, 2), (9 << 20, 3), (65 << 20, 5)])
def test_values_are_decoded_a_few_times(nbytes: int, decoded: int) -> None:
    count = 0

    def read(size: int) -> Pieces:
        nonlocal count
        count += 1
        return iter([memoryview(b"1"), memoryview(bytes(size - 1))])

    kept = KeptInput(read)
    for _ in range(5):
        assert sum(map(len, kept(nbytes))) == nbytes
    assert count == decoded


def test_an_error_is_that_of_each_decoding() -> None:
    def read(_size: int) -> Pieces:
        raise ValueError

    kept = KeptInput(read)
    for _ in range(4):
        with pytest.raises(ValueError):  # noqa: PT011
            kept(8)
