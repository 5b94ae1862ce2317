from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_theta.errors import CorruptError, UsageError
from git_theta.model.tensor import TensorSpec
from git_theta.updates.base import UnsuitableError
from git_theta.updates.row_alignment import Run
from git_theta.updates.rows import Rows
from tests.helpers.matrices import matrix, runs_of
from tests.helpers.weights import base_of, input_of, joined

contents = st.lists(st.integers(0, 30), min_size=1, max_size=40)


@given(contents, contents)
def test_any_matrix_comes_back(new: list[int], old: list[int]) -> None:
    (value, spec), (before, _) = matrix(new), matrix(old)
    runs = runs_of(new, old)
    payload = joined(Rows().encode_runs(memoryview(value), spec, len(before), runs))
    aligned = joined(Rows().decode(memoryview(payload), [input_of(before, step=13)], len(value)))
    assert len(aligned) == len(value)
    covered = {row for _, start, count in runs for row in range(start, start + count)}
    ours, theirs = np.frombuffer(value).reshape(len(new), -1), np.frombuffer(aligned).reshape(len(new), -1)
    for row in set(range(len(new))) - covered:
        assert (ours[row] == theirs[row]).all()


@given(st.binary(max_size=200))
def test_junk_is_refused(junk: bytes) -> None:
    with pytest.raises((CorruptError, UsageError)):
        list(Rows().decode(memoryview(junk), [input_of(bytes(8))], 8))


@pytest.mark.parametrize(
    "runs",
    [[(0, 0, 0)], [(0, 5, 3), (5, 0, 3)], [(5, 0, 3), (0, 5, 3)], [(0, 0, 41)], [(30, 0, 20)], [(-1, 0, 2)]],
)
def test_made_up_runs_are_refused(runs: list[tuple[int, int, int]]) -> None:
    (value, spec), (before, _) = matrix(list(range(40))), matrix(list(range(40)))
    payload = joined(Rows().encode_runs(memoryview(value), spec, len(before), [Run(*run) for run in runs]))
    with pytest.raises(CorruptError):
        list(Rows().decode(memoryview(payload), [input_of(before)], len(value)))


def test_types_that_differ_in_rows_alone_are_accepted() -> None:
    spec = TensorSpec("F32", (4, 8))
    assert Rows().accepts(spec, TensorSpec("F32", (9, 8)))
    for dtype, shape in [("BF16", (9, 8)), ("F32", (9, 7)), ("F32", (9, 8, 1)), ("F32", (0, 8))]:
        assert not Rows().accepts(spec, TensorSpec(dtype, shape))
    assert not Rows().accepts(TensorSpec("F32", (4,)), TensorSpec("F32", (9,)))


def test_a_matrix_with_mostly_new_rows_is_unsuitable() -> None:
    (value, spec), (before, before_spec) = matrix(list(range(100))), matrix(list(range(49)))
    with pytest.raises(UnsuitableError):
        list(Rows().encode(memoryview(value), spec, base_of(before, before_spec)))
    (before, before_spec) = matrix(list(range(50)))
    payload = joined(Rows().encode(memoryview(value), spec, base_of(before, before_spec)))
    assert joined(Rows().decode(memoryview(payload), [input_of(before)], len(value))) == value
