from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_theta.errors import UsageError
from tests.helpers.merging import Array, close, exact, merge, size, vectors

ONE, OTHER = np.array([1.0, 1, 1]), np.array([5.0, 5, 5])


def test_elements_count_by_their_information() -> None:
    side_inputs = [np.array([3.0, 1, 0]), np.array([1.0, 0, 0])]
    assert list(merge("fisher", [ONE, OTHER], side_inputs=side_inputs)) == [2, 1, 3]


def test_weights_multiply_the_information() -> None:
    side_inputs = [np.array([3.0, 1, 0]), np.array([1.0, 1, 0])]
    assert list(merge("fisher", [ONE, OTHER], side_inputs=side_inputs, weights=(1.0, 3.0))) == [3, 4, 4]


@given(vectors(2), st.floats(1e-6, 1e6))
def test_equal_information_gives_the_average(models: list[Array], information: float) -> None:
    side_inputs = [np.full_like(model, information) for model in models]
    assert close(merge("fisher", models, side_inputs=side_inputs), sum(models) / 2, size(models))


@given(vectors(6, exact))
def test_swapping_sides_mirrors(arrays: list[Array]) -> None:
    models, side_inputs = arrays[:3], [np.abs(each) for each in arrays[3:]]
    one = merge("fisher", models, side_inputs=side_inputs, weights=(1.0, 2.0, 3.0))
    other = merge("fisher", models[::-1], side_inputs=side_inputs[::-1], weights=(3.0, 2.0, 1.0))
    assert close(one, other, size(models))


def test_each_model_needs_information() -> None:
    with pytest.raises(UsageError, match="for 1 of 2 models"):
        merge("fisher", [ONE, OTHER], side_inputs=[ONE])
    with pytest.raises(UsageError, match="for 0 of 2 models"):
        merge("fisher", [ONE, OTHER])


def test_information_is_not_negative() -> None:
    with pytest.raises(UsageError, match="negative"):
        merge("fisher", [ONE, OTHER], side_inputs=[ONE, -OTHER])
