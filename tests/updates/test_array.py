from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest
from numpy.typing import NDArray

from git_theta.errors import UsageError
from git_theta.model.tensor import TensorSpec
from git_theta.updates.array import Array, check_computable

NUMBERS = np.array([[1, -2, 0.5], [3, 4, 1.25]], "<f4")


def array(values: NDArray[np.generic], dtype: str = "F32") -> Array:
    return Array("w/R", TensorSpec(dtype, values.shape), memoryview(values.tobytes()))


def test_numbers_are_float64_in_shape() -> None:
    found = array(NUMBERS).numbers()
    assert (found.dtype, found.shape) == (np.float64, (2, 3))
    assert np.array_equal(found, NUMBERS)
    brain = array(NUMBERS.astype(ml_dtypes.bfloat16), "BF16")
    assert np.array_equal(brain.numbers(), NUMBERS)


def test_transposed_reshaped_and_rounded() -> None:
    assert np.array_equal(array(NUMBERS).transposed().numbers(), NUMBERS.T)
    assert np.array_equal(array(NUMBERS).reshaped(3, 2).numbers(), NUMBERS.reshape(3, 2))
    half = array(NUMBERS).as_dtype("F16")
    assert bytes(half.data) == NUMBERS.astype("<f2").tobytes()
    same = array(NUMBERS)
    assert same.as_dtype("F32") is same


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
def test_numbers_must_be_finite(odd: float) -> None:
    with pytest.raises(UsageError, match="'w/R' in the update data has elements that are NaN or infinite"):
        array(np.array([1, odd], "<f4")).numbers()


def test_numbers_must_be_floats() -> None:
    with pytest.raises(UsageError, match="has dtype I64"):
        array(np.arange(3), "I64").numbers()
    with pytest.raises(UsageError, match="'ids' has dtype I64, in which git-theta doesn't compute"):
        check_computable("ids", TensorSpec("I64", (3,)))


def test_a_shape_that_does_not_fit() -> None:
    spec = TensorSpec("F32", (4, 4))
    array(NUMBERS).check_shape((2, 3), "w", spec)
    message = (
        r"'w/R' in the update data has shape \[2, 3\], which doesn't fit parameter 'w' of shape \[4, 4\]"
    )
    with pytest.raises(UsageError, match=message):
        array(NUMBERS).check_shape((4, 3), "w", spec)
