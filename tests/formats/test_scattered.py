"""Scattered tensors, and the bytes between their rows."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from git_theta.formats.base import Tensor
from git_theta.formats.scattered import RunGrid, between_rows, run_grid
from git_theta.model.strided import strided
from git_theta.model.tensor import TensorSpec


def columns(first: int, width: int, of: int, rows: int = 4, offset: int = 0) -> Tensor:
    """Columns of a matrix of float32."""
    spec = TensorSpec("F32", (rows, width))
    return Tensor(f"{first}", spec, offset + 4 * first, (4 * of, 4))


def test_runs_are_as_long_as_possible() -> None:
    assert run_grid(columns(1, 2, 5)) == RunGrid(4, 8, ((20, 4),))
    assert run_grid(columns(0, 5, 5)) == RunGrid(0, 80, ())
    view = Tensor("v", TensorSpec("F32", (3, 2, 2)), 0, (40, 20, 4))
    assert run_grid(view) == RunGrid(0, 8, ((20, 6),))


def test_a_view_leaves_out_the_other_columns() -> None:
    spans, (left_out,) = between_rows([columns(0, 3, 8)], ".bytes/")
    assert spans == [(0, 3 * 32 + 12)]
    assert left_out == Tensor(".bytes/0", TensorSpec("F32", (3, 5)), 12, (32, 4))


def test_columns_of_one_matrix_leave_out_what_none_has() -> None:
    spans, left_out = between_rows([columns(6, 2, 8), columns(0, 3, 8)], ".bytes/")
    assert spans == [(0, 4 * 32)]
    assert left_out == [Tensor(".bytes/0", TensorSpec("F32", (4, 3)), 12, (32, 4))]
    assert between_rows([columns(3, 5, 8), columns(0, 3, 8)], "")[1] == []


def test_widths_that_are_no_elements_are_bytes() -> None:
    odd = Tensor("odd", TensorSpec("F32", (3, 2)), 0, (10, 4))
    _, (left_out,) = between_rows([odd], "")
    assert left_out == Tensor("0", TensorSpec("U8", (2, 2)), 8, (10, 1))


def test_grids_of_several_distances_are_left_out() -> None:
    grid = Tensor("grid", TensorSpec("U8", (3, 3)), 0, (100, 2))
    assert between_rows([grid], "") == ([], [])


@given(
    st.lists(
        st.tuples(st.integers(0, 30), st.integers(1, 9), st.sampled_from([(10, 3), (12, 4)])), max_size=6
    )
)
def test_tensors_and_what_they_leave_out_fill_their_spans(
    drawn: list[tuple[int, int, tuple[int, int]]],
) -> None:
    tensors = [
        Tensor(str(index), TensorSpec("U8", (rows, width)), start, (step, 1))
        for index, (start, width, (step, rows)) in enumerate(drawn)
    ]
    spans, left_out = between_rows(tensors, ".bytes/")
    data = memoryview(bytearray(100))
    for tensor in (*tensors, *left_out):
        strided(data, tensor.spec, tensor.offset, tensor.strides, False)[...] = 1
    filled = np.frombuffer(data, "u1")
    assert all(filled[start:end].all() for start, end in spans)
    assert filled.sum() == np.count_nonzero(filled)
    inside = {at for start, end in spans for at in range(start, end)}
    assert {int(at) for at in np.flatnonzero(filled)} == inside
