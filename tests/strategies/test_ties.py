from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_theta.errors import UsageError
from tests.helpers.merging import Array, close, merge, vectors


def sums(*models: list[float], **options: object) -> list[float]:
    """The changes that `ties` makes to a base of zeros."""
    merged: list[float] = merge(
        "ties", [np.array(model) for model in models], np.zeros(len(models[0])), **options
    )
    return list(merged)


def test_ties_keeps_the_largest_and_elects_signs() -> None:
    assert sums([4, -1, 3, 2], [2, 3, -5, 0.5], density=(0.5,)) == [4, 3, -5, 0]
    assert sums([4, -1, 3, 2], [2, 3, -5, 4]) == [3, 3, -5, 3]
    assert sums([4, -1, 3, 2], [2, 3, -5, 4], normalize=False, scale=0.5) == [3, 1.5, -2.5, 3]


def test_ties_weighs_votes_and_changes() -> None:
    assert sums([1, 1], [-2, 2], weights=(3.0, 1.0)) == [1, 1.25]
    assert sums([1, 1], [-2, 2], weights=(3.0, 1.0), normalize=False) == [3, 5]


def test_a_tied_vote_elects_plus() -> None:
    assert sums([1], [-1]) == [1]


def test_ties_keeps_one_element_at_least() -> None:
    assert sums([1, 2, 3], [0, 0, 5], density=(0.01,)) == [0, 0, 4]


def test_each_model_may_have_a_density() -> None:
    assert sums([1, 2], [4, 3], density=(0.5, 1.0)) == [4, 2.5]
    with pytest.raises(UsageError, match="3 values of density are given for 2 models"):
        sums([1, 2], [4, 3], density=(0.5, 1.0, 0.1))


def test_rescaling_keeps_the_sum_of_absolute_values() -> None:
    assert sums([1, -3], [0, 0], density=(0.5,), rescale=True, normalize=False) == [0, -4]


@given(vectors(3, st.integers(0, 1024).map(float)))
def test_ties_of_agreeing_changes_is_their_mean(models: list[Array]) -> None:
    base = np.ones_like(models[0]) * 5
    deltas = [model + 1 for model in models]
    assert close(merge("ties", [base + delta for delta in deltas], base), base + sum(deltas) / 3)
