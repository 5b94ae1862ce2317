from __future__ import annotations

import math

import numpy as np
import pytest

from git_theta.errors import UsageError
from git_theta.strategies.lazy_array import from_array
from git_theta.strategies.vector_sums import (
    combination,
    normalized,
    scaled,
    sum_of_weights,
    times,
    total,
    weighted_total,
)

ONE, OTHER = from_array(np.array([1.0, np.nan])), from_array(np.array([3.0, 4.0]))


def test_sums_of_vectors() -> None:
    assert total([OTHER, OTHER, OTHER]).array().tolist() == [9, 12]
    assert weighted_total([OTHER, OTHER], [0.5, 1.0]).array().tolist() == [4.5, 6]
    assert combination([0.5, 1.0], [OTHER, OTHER]).array().tolist() == [4.5, 6]


def test_a_nan_with_the_weight_zero_counts_in_a_total_only() -> None:
    assert math.isnan(weighted_total([ONE, OTHER], [0.0, 1.0]).array()[1])
    assert combination([0.0, 1.0], [ONE, OTHER]).array().tolist() == [3, 4]
    assert combination([0.0, 0.0], [OTHER, OTHER]).array().tolist() == [0, 0]


def test_a_factor_of_one_leaves_the_vector_itself() -> None:
    assert times(1, ONE) is ONE
    assert scaled([ONE, OTHER], [1, 2])[0] is ONE


def test_weights_are_divided_by_their_sum() -> None:
    assert normalized([1, 3]) == (0.25, 0.75)
    with pytest.raises(UsageError, match="sum of zero"):
        sum_of_weights([1, -1])
