from __future__ import annotations

import math
import operator
from collections.abc import Iterator
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from git_theta.model.strided import temporary_file
from git_theta.model.tensor import TensorSpec
from git_theta.strategies.array_sources import StoredTensor
from git_theta.strategies.lazy_array import (
    LazyArray,
    from_array,
    from_source,
    maximum,
    minimum,
    uniform,
    where,
)

#: Several blocks, the last of them short.
COUNT = 70_001


def normal(seed: int, *shape: int) -> NDArray[Any]:
    return np.random.default_rng(seed).normal(size=shape or COUNT).astype("f4")


def test_operations_are_those_of_numpy_in_float64() -> None:
    a, b = normal(0, 3, 50), normal(1, 3, 50)
    x, y, one, other = from_array(a), from_array(b), a.astype("f8"), b.astype("f8")
    pairs = {
        "+": (x + y, one + other),
        "-": (x - y, one - other),
        "*": (x * y, one * other),
        "/": (x / y, one / other),
        "float": (1 + (2 - (3 * (4 / x))), 1 + (2 - (3 * (4 / one)))),
        "float after": (((x + 1) - 2) * 3 / 4, ((one + 1) - 2) * 3 / 4),
        "one": (-abs(x).sqrt() * y.sign(), -np.sqrt(abs(one)) * np.sign(other)),
        "where": (where((x < y) & ~(x > 0.5), x, 7), np.where((one < other) & ~(one > 0.5), one, 7)),
        "or": (where((x <= 0) | (y >= x), 1, y), np.where((one <= 0) | (other >= one), 1, other)),
        "mask": ((x > 0) * y + (x < 0), (one > 0) * other + (one < 0)),
        "equals": (x.sign().equals(y.sign()) + 0, (np.sign(one) == np.sign(other)).astype("f8")),
        "minimum": (minimum(x, y), np.minimum(one, other)),
        "maximum": (maximum(x, 0.25), np.maximum(one, 0.25)),
    }
    for name, (got, expected) in pairs.items():
        assert got.shape == (3, 50)
        assert (got.array() == expected).all(), name


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn])
def test_arrays_of_any_float_can_be_given(dtype: Any) -> None:
    array = normal(0, 4, 6).astype(dtype)[:, ::2]
    assert (from_array(array).array() == array.astype("f8")).all()


@pytest.mark.parametrize("shape", [(), (0,), (3, 0), (1, 1)])
def test_small_shapes(shape: tuple[int, ...]) -> None:
    ones = from_array(np.ones(shape))
    assert ones.array().shape == ones.shape == shape
    assert ones.sum() == ones.count == math.prod(shape)
    assert ones.top_k(1).sum() == min(1, ones.count)
    assert ones.max() == (1 if ones.count else -math.inf)


def test_reductions() -> None:
    a, b = normal(0), normal(1)
    x, y = from_array(a), from_array(b)
    assert x.sum() == pytest.approx(a.astype("f8").sum(), abs=1e-8)
    assert x.dot(y) == pytest.approx(a.astype("f8") @ b.astype("f8"), abs=1e-8)
    assert x.norm() == pytest.approx(np.linalg.norm(a.astype("f8")))
    assert (abs(x)).max() == abs(a).max()
    assert (x > 0).sum() == (a > 0).sum()
    assert x.sum() == x.sum()


def test_reductions_of_what_is_not_finite() -> None:
    both = from_array(np.array([np.inf, 1.0, -np.inf]))
    assert math.isnan(both.sum())
    assert both.max() == math.inf
    assert math.isnan(from_array(np.array([1.0, np.nan])).max())


def top(values: NDArray[np.float64], k: int) -> NDArray[np.bool_]:
    """By a stable sort: what's first of equal ones comes first; NaNs come last."""
    chosen = np.zeros(values.size, bool)
    key = np.where(np.isnan(values), np.inf, -values)
    chosen[np.lexsort((np.isnan(values), key))[:k]] = True
    return chosen


@given(
    values=arrays.arrays(
        "f8", st.integers(0, 30), elements=st.sampled_from([-1.0, 0.0, -0.0, 1.0, 2.0, np.nan])
    ),
    k=st.integers(-1, 31),
)
def test_top_is_exact_and_takes_equal_ones_in_order(values: NDArray[np.float64], k: int) -> None:
    mask = from_array(values).top_k(k)
    assert mask.is_mask
    assert mask.array().tolist() == top(values, max(k, 0)).tolist()


@pytest.mark.parametrize("k", [1, 20_000, COUNT - 1])
def test_top_of_several_blocks(k: int) -> None:
    values = np.round(normal(0), 1).astype("f8")
    assert (from_array(values).top_k(k).array() == top(values, k)).all()
    steps = len(from_array(values).top_k(k).program()[0].steps)
    assert steps < 10


def test_random_numbers_depend_on_seed_and_place_alone() -> None:
    like = from_array(normal(0))
    drawn = uniform(like, 5).array()
    assert (uniform(from_array(np.zeros(COUNT)), 5).array() == drawn).all()
    assert (uniform(like, 6).array() != drawn).all()
    assert (uniform(like, -1).array() == uniform(like, 2**64 - 1).array()).all()
    assert 0 <= drawn.min() < 0.001 < 0.999 < drawn.max() < 1


def test_shapes_and_masks_are_checked() -> None:
    x = from_array(normal(0, 3))
    with pytest.raises(ValueError, match="shapes"):
        x + from_array(normal(0, 4))
    with pytest.raises(ValueError, match="shape"):
        from_array(np.zeros(2), x)
    with pytest.raises(TypeError):
        operator.and_(x, x)
    with pytest.raises(TypeError):
        where(x, x, x)


def test_a_part_is_computed_once_and_zeros_keep_their_sign() -> None:
    x = from_array(normal(0, 3))
    double = (x * 2) + (x * 2)
    assert len(double.program()[0].steps) == 4
    zeros = where(x < 0, 0.0, -0.0)
    assert (np.signbit(zeros.array()) == (x.array() >= 0)).all()


def test_a_deep_expression() -> None:
    x = from_array(np.zeros(3))
    for _ in range(5000):
        x = x + 1
    assert x.array().tolist() == [5000] * 3


class Counted:
    """An input that counts how often it's read."""

    def __init__(self, data: bytes) -> None:
        self.data, self.reads = data, 0

    def __call__(self, nbytes: int) -> Iterator[memoryview]:
        self.reads += 1
        return iter([memoryview(self.data)])


def test_a_value_is_decoded_once_for_all_reductions(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    def temporary() -> int:
        made.append(1)
        return temporary_file()

    monkeypatch.setattr("git_theta.model.strided._IN_MEMORY", 1000)
    source = Counted(normal(0).tobytes())
    x = from_source(StoredTensor(source, TensorSpec("F32", (COUNT,)), temporary), temporary)
    doubled = x * 2
    list(doubled.blocks())
    list(doubled.blocks())
    assert (source.reads, len(made)) == (2, 0)
    assert doubled.norm() == 2 * x.norm()
    doubled.top_k(3)
    assert doubled.array()[5] == 2 * normal(0)[5]
    assert source.reads == 3
    assert len(made) == 3


def test_complex_numbers_are_pairs() -> None:
    values = (normal(0, 4) + 1j * normal(1, 4)).astype("c8")
    source = Counted(values.tobytes())
    x = from_source(StoredTensor(source, TensorSpec("C64", (2, 2)), temporary_file), temporary_file)
    assert x.shape == (2, 2, 2)
    assert x.norm() == pytest.approx(np.linalg.norm(values))


def test_an_array_becomes_part_of_an_expression() -> None:
    x = from_array(normal(0, 5))
    assert isinstance(from_array(np.ones(5), x), LazyArray)
    assert (from_array(np.ones(5), x) + x).array().tolist() == (normal(0, 5).astype("f8") + 1).tolist()
