from __future__ import annotations

import numpy as np
import pytest

from git_theta.errors import UsageError
from git_theta.strategies.base import Case
from git_theta.strategies.lazy_array import LazyArray, from_array
from git_theta.strategies.task_vectors import elect_signs, elected_sum, masked_sum, task_vectors, weighted_sum


def arrays(*rows: list[float]) -> list[LazyArray]:
    return [from_array(np.array(row)) for row in rows]


def values(found: LazyArray) -> list[float]:
    return found.array().tolist()


def test_task_vectors_are_differences_to_the_base() -> None:
    ours, theirs, base = arrays([3.0, 1.0], [0.0, 5.0], [1.0, 1.0])
    found, deltas = task_vectors(Case("w", (ours, theirs), base))
    assert found is base
    assert [values(delta) for delta in deltas] == [[2, 0], [-1, 4]]


def test_task_vectors_need_a_base() -> None:
    with pytest.raises(UsageError, match=r"'w'.*no base"):
        task_vectors(Case("w", tuple(arrays([1.0]))))


def test_the_sign_of_the_sum_is_elected_and_zero_elects_plus() -> None:
    masks = elect_signs(arrays([3.0, 1.0, 1.0, 0.0], [-1.0, -2.0, -1.0, 0.0]))
    assert [mask.array().tolist() for mask in masks] == [
        [True, False, True, False],
        [False, True, False, False],
    ]


def test_weighted_sums() -> None:
    deltas = arrays([2.0, 4.0], [6.0, -2.0])
    assert values(weighted_sum(deltas, (1.0, 0.5), normalize=False)) == [5, 3]
    assert values(weighted_sum(deltas, (3.0, 1.0), normalize=True)) == [3, 2.5]
    assert values(weighted_sum(deltas, (1.0, -1.0), normalize=True)) == [-4, 6]


def test_only_elements_that_agree_count() -> None:
    deltas = arrays([2.0, 4.0], [6.0, -2.0])
    assert values(elected_sum(deltas, (1.0, 1.0), normalize=False)) == [8, 4]
    assert values(elected_sum(deltas, (1.0, 1.0), normalize=True)) == [4, 4]
    nowhere = [delta > 100.0 for delta in deltas]
    assert values(masked_sum(deltas, (1.0, 1.0), nowhere, normalize=True)) == [0, 0]
