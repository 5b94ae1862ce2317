from __future__ import annotations

from git_theta.encoding.folded_copies import folded, run_copy
from git_theta.encoding.lines import Lines
from git_theta.encoding.row_search import RowRun
from git_theta.model.tensor import TensorSpec
from git_theta.updates.strided_copy import MAX_COPY_DIMENSIONS, Dimension, StridedCopy
from tests.helpers.weights import base_of


def rows(count: int) -> Lines:
    """Rows of ten elements."""
    return Lines(base_of(bytes(40 * count), TensorSpec("F32", (count, 10))), 10)


def columns(count: int) -> Lines:
    """Columns of ten elements."""
    return Lines(base_of(bytes(40 * count), TensorSpec("F32", (10, count))), 10, are_columns=True)


def row_copy(run: RowRun) -> StridedCopy:
    return run_copy(run, rows(96), rows(96))


def test_consecutive_rows_are_one_stretch() -> None:
    assert row_copy(RowRun(0, 2, 1, 5, 3)) == StridedCopy(20, 50, (Dimension(30, 1, 1),))
    two = (Dimension(3, 40, 10), Dimension(10, 1, 1))
    assert row_copy(RowRun(0, 2, 4, 5, 3)) == StridedCopy(20, 50, two)


def test_columns_are_as_far_apart_as_there_are_columns() -> None:
    run = RowRun(0, 2, 1, 5, 3)
    across = (Dimension(3, 10, 1), Dimension(10, 1, 8))
    assert run_copy(run, rows(6), columns(8)) == StridedCopy(20, 5, across)
    assert run_copy(run, columns(6), rows(8)) == StridedCopy(
        2, 50, (Dimension(3, 1, 10), Dimension(10, 6, 1))
    )
    assert run_copy(run, columns(6), columns(8)) == StridedCopy(
        2, 5, (Dimension(3, 1, 1), Dimension(10, 6, 8))
    )


def test_heads_become_a_dimension() -> None:
    # Rotary positions: of each of 12 heads the even rows, then the odd ones.
    runs = [RowRun(0, 8 * head + odd, 2, 8 * head + 4 * odd, 4) for head in range(12) for odd in (0, 1)]
    (copy,) = folded([row_copy(run) for run in runs])
    assert copy.count == 960
    assert copy.dimensions[:2] == (Dimension(12, 80, 80), Dimension(2, 10, 40))
    assert copy.is_nested


def test_irregular_copies_stay_as_they_are() -> None:
    copies = [row_copy(RowRun(0, row, 1, at, 1)) for at, row in enumerate((5, 4, 9, 1))]
    assert folded(copies) == [*copies[:1], *folded(copies[1:3]), *copies[3:]]
    assert len(folded(copies)) == 3


def test_there_are_no_more_dimensions_than_can_be_read() -> None:
    copies = [StridedCopy(0, 0, ())]
    for power in range(MAX_COPY_DIMENSIONS + 2):
        step = 3**power
        copies = [
            StridedCopy(copy.source + at * step, copy.target + at * step, ())
            for at in (0, 1)
            for copy in copies
        ]
    found = folded(copies)
    assert sum(copy.count for copy in found) == 1 << (MAX_COPY_DIMENSIONS + 2)
    assert max(len(copy.dimensions) for copy in found) == MAX_COPY_DIMENSIONS
