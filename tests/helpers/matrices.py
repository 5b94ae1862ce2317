"""Matrices whose rows are equal where numbers are."""

from __future__ import annotations

from git_theta.model.tensor import TensorSpec
from git_theta.updates.row_alignment import Run, align_rows
from tests.helpers.weights import base_of, trained

WIDTH = 8


def matrix(rows: list[int]) -> tuple[bytes, TensorSpec]:
    """A float32 matrix with a row of random weights for each number, which is the seed."""
    data = b"".join(trained(TensorSpec("F32", (WIDTH,)), seed) for seed in rows)
    return data, TensorSpec("F32", (len(rows), WIDTH))


def runs_of(new: list[int], old: list[int]) -> list[Run]:
    """The runs of rows that a matrix has from another one."""
    (value, spec), (before, before_spec) = matrix(new), matrix(old)
    return align_rows(memoryview(value), spec, base_of(before, before_spec))
