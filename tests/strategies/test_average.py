from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from git_theta.errors import UsageError
from git_theta.strategies.average import (
    Average,
    AverageAll,
    AverageOptions,
    AverageOursBase,
    AverageTheirsBase,
)
from git_theta.strategies.base import Case
from git_theta.strategies.lazy_array import from_array

finite = arrays.arrays("f4", 6, elements=st.floats(-(2.0**99), 2.0**99, width=32))
some_weights = st.floats(0.125, 8)


def merged(
    strategy: Average, models: list[NDArray[np.float32]], base: NDArray[np.float32] | None, *weights: float
) -> NDArray[np.float32]:
    case = Case("w", tuple(map(from_array, models)), None if base is None else from_array(base))
    return strategy.merge(case, AverageOptions(weights)).array().astype("f4")


@given(x=finite, count=st.integers(1, 5))
def test_the_average_of_equal_models_is_that_model(x: NDArray[np.float32], count: int) -> None:
    assert (merged(Average(), [x] * count, None) == x).all()


@given(x=finite, one=some_weights, other=some_weights)
def test_equal_models_are_the_average_with_any_weights(
    x: NDArray[np.float32], one: float, other: float
) -> None:
    assert (merged(Average(), [x, x], None, one, other) == x).all()
    for strategy in (AverageOursBase(), AverageTheirsBase()):
        assert (merged(strategy, [x, x], x, one, other) == x).all()


@given(x=finite, y=finite, one=some_weights, other=some_weights)
def test_swapping_sides_mirrors(
    x: NDArray[np.float32], y: NDArray[np.float32], one: float, other: float
) -> None:
    assert (merged(Average(), [x, y], None) == merged(Average(), [y, x], None)).all()
    assert (merged(Average(), [x, y], None, one, other) == merged(Average(), [y, x], None, other, one)).all()
    assert (merged(AverageOursBase(), [x, y], y) == merged(AverageTheirsBase(), [y, x], y)).all()


@given(x=finite, y=finite, factor=st.sampled_from([0.5, 2.0, 4.0]))
def test_only_the_ratio_of_weights_counts(
    x: NDArray[np.float32], y: NDArray[np.float32], factor: float
) -> None:
    one = merged(Average(), [x, y], None, 3, 5)
    assert (one == merged(Average(), [x, y], None, 3 * factor, 5 * factor)).all()


def test_each_average_has_its_own_terms() -> None:
    ours, theirs, base = (np.full(2, each, "f4") for each in (3, 6, 12))
    assert merged(Average(), [ours, theirs], base).tolist() == [4.5] * 2
    assert merged(AverageAll(), [ours, theirs], base).tolist() == [7] * 2
    assert merged(AverageAll(), [ours, theirs], base, 1, 0, 2).tolist() == [9] * 2
    assert merged(AverageOursBase(), [ours, theirs], base).tolist() == [7.5] * 2
    assert merged(AverageTheirsBase(), [ours, theirs], base).tolist() == [9] * 2
    assert merged(AverageTheirsBase(), [ours, theirs], base, 3, 1).tolist() == [7.5] * 2


def test_weights_that_make_no_sense() -> None:
    x = np.ones(2, "f4")
    with pytest.raises(UsageError, match="3 weights are given for 2 models"):
        merged(Average(), [x, x], None, 1, 2, 3)
    with pytest.raises(UsageError, match="zero"):
        merged(Average(), [x, x], None, 1, -1)
    with pytest.raises(UsageError, match="no base"):
        merged(AverageAll(), [x, x], None)
