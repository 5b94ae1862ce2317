from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from git_theta.encoding.lines import Lines
from git_theta.encoding.row_search import RowIndex, RowRun, find_runs
from git_theta.model.tensor import TensorSpec
from tests.helpers.weights import base_of

Numbers = NDArray[np.float32]


def rows(count: int, seed: int = 0, length: int = 96) -> Numbers:
    return np.random.default_rng(seed).standard_normal((count, length)).astype("<f4")


def tuned(matrix: Numbers) -> Numbers:
    return (matrix + 0.1 * np.random.default_rng(9).standard_normal(matrix.shape)).astype("<f4")


def runs(matrix: Numbers, *sources: Numbers) -> list[RowRun] | None:
    def features(of: Numbers) -> Numbers:
        return Lines(base_of(of.tobytes(), TensorSpec("F32", of.shape)), of.shape[1]).features()

    return find_runs(features(matrix), RowIndex.of([features(source) for source in sources]))


@pytest.mark.parametrize("change", [np.array, tuned])
def test_matrices_that_were_put_together(change: object) -> None:
    assert callable(change)
    one, other, stranger = rows(40), rows(300, 1), rows(50, 2)
    found = runs(change(np.concatenate([other, one[10:]])), stranger, one, other)
    assert found == [RowRun(2, 0, 1, 0, 300), RowRun(1, 10, 1, 300, 30)]


def test_rows_at_regular_distances() -> None:
    source = rows(64)
    assert runs(np.concatenate([source[1::2], source[::2]]), source) == [
        RowRun(0, 1, 2, 0, 32),
        RowRun(0, 0, 2, 32, 32),
    ]


def test_some_new_rows_are_passed_over_and_many_end_the_search() -> None:
    source = rows(50)
    assert runs(np.concatenate([rows(5, 7), source]), source) == [RowRun(0, 0, 1, 5, 50)]
    assert runs(rows(50, 7), source) is None


def test_rows_in_reverse_order_are_runs_of_one() -> None:
    source = rows(10)
    assert runs(source[::-1].copy(), source) == [RowRun(0, 9 - at, 1, at, 1) for at in range(10)]


def test_short_rows_must_be_almost_equal() -> None:
    source = rows(30, length=9)
    assert runs(source[3:], source) == [RowRun(0, 3, 1, 0, 27)]
    assert runs(tuned(source), source) is None


def test_nan_and_zeros_do_no_harm() -> None:
    source = rows(30)
    source[:5] = 0
    source[5] = np.nan
    assert runs(source, source) == [RowRun(0, 0, 1, 0, 30)]
