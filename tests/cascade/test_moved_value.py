"""Values that are moved between versions of a parent in another float dtype."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest
from numpy.typing import NDArray

from git_theta.cascade.moved_value import moved_value
from git_theta.errors import ThetaError
from git_theta.model.tensor import TensorSpec

BF16 = ml_dtypes.bfloat16


def moved(*arrays: NDArray[Any]) -> NDArray[Any]:
    names = {"float32": "F32", "bfloat16": "BF16", "float16": "F16", "float64": "F64"}
    specs = [TensorSpec(names[each.dtype.name], each.shape) for each in arrays]
    inputs = [lambda _nbytes, each=each: iter((memoryview(each.tobytes()),)) for each in arrays]
    data = b"".join(map(bytes, moved_value(inputs, specs)))
    return np.frombuffer(data, arrays[0].dtype).reshape(arrays[0].shape)


def test_copies_stay_copies_and_changes_move() -> None:
    random = np.random.default_rng(0)
    # More than one block.
    old, new = (random.standard_normal(40_000).astype("f4") for _ in range(2))
    child = old.astype(BF16)
    child[::7] += BF16(0.5)
    found = moved(child, old, new)
    exact = child.astype("f8") + (new.astype("f8") - old.astype("f8"))
    expected = np.where(child == old.astype(BF16), new.astype(BF16), exact.astype("f4").astype(BF16))
    np.testing.assert_array_equal(found, expected)


def test_a_wider_child() -> None:
    old, new = np.array([1.0, 2.0], "f2"), np.array([1.5, 2.0], "f2")
    np.testing.assert_array_equal(moved(np.array([1.25, 9.0]), old, new), [1.75, 9.0])


def test_elements_that_are_not_finite() -> None:
    old, new = np.array([0.0, np.inf], "f4"), np.array([60000.0, np.inf], "f4")
    assert moved(np.array([1.0, np.inf], "f2"), old, new)[1] == np.inf
    with pytest.raises(ThetaError, match="infinite or NaN in F16"):
        moved(np.array([60000.0, 1.0], "f2"), old, new)
