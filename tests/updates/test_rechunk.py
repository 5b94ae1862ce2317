from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_theta.errors import CorruptError
from git_theta.updates.rechunk import cut, rechunk

DATA = bytes(range(100))


@given(st.sets(st.integers(1, 99), max_size=6).map(sorted), st.integers(1, 110))
def test_pieces_of_any_size_become_chunks_of_one(cuts: list[int], size: int) -> None:
    ends = [0, *cuts, 100]
    pieces = (memoryview(DATA)[start:end] for start, end in pairwise(ends))
    found = [bytes(chunk) for chunk in rechunk(pieces, size, 100)]
    assert found == [DATA[at : at + size] for at in range(0, 100, size)]


def test_fitting_pieces_are_passed_on() -> None:
    pieces = [memoryview(DATA)[:40], memoryview(DATA)[40:80], memoryview(DATA)[80:]]
    assert all(one is other for one, other in zip(rechunk(iter(pieces), 40, 100), pieces, strict=True))


@pytest.mark.parametrize("nbytes", [0, 99, 101])
def test_another_number_of_bytes_is_refused(nbytes: int) -> None:
    with pytest.raises(CorruptError, match=f"another size than {nbytes} bytes"):
        list(rechunk(iter([memoryview(DATA)]), 30, nbytes))


@given(st.sets(st.integers(1, 99), max_size=6).map(sorted), st.integers(0, 100), st.integers(0, 100))
def test_a_part_of_pieces_is_cut_and_all_are_read(cuts: list[int], start: int, length: int) -> None:
    pieces = iter([memoryview(DATA)[begin:end] for begin, end in pairwise([0, *cuts, 100])])
    assert b"".join(cut(pieces, start, start + length)) == DATA[start : start + length]
    assert next(pieces, None) is None
