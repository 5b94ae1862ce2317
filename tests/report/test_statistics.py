from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from git_theta.errors import CorruptError
from git_theta.model.tensor import ITEM_SIZE, TensorSpec, numpy_dtype
from git_theta.report import statistics as module
from git_theta.report.quantiles import SHARES
from git_theta.report.statistics import Statistics, statistics
from tests.helpers.value_readers import cut


def of(array: NDArray[Any], dtype: str) -> Statistics:
    made = np.ascontiguousarray(array).astype(numpy_dtype(dtype), copy=False)
    return statistics(cut(made.tobytes()), TensorSpec(dtype, array.shape))


RANDOM = np.random.default_rng(3)
NUMBERS = RANDOM.normal(3, 2, (50, 41))


@pytest.mark.parametrize("dtype", ["F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2", "I32", "I8"])
def test_numbers_are_those_of_numpy(dtype: str) -> None:
    rounded = NUMBERS.astype(numpy_dtype(dtype)).astype(np.float64)
    found = of(NUMBERS, dtype)
    assert (found.count, found.finite, found.nans, found.infinities) == (
        rounded.size,
        rounded.size,
        0,
        (0, 0),
    )
    assert found.zeros == (rounded == 0).sum()
    assert found.mean == pytest.approx(rounded.mean())
    assert found.std == pytest.approx(rounded.std())
    assert (found.low, found.high) == (rounded.min(), rounded.max())
    assert found.l1 == pytest.approx(np.abs(rounded).sum())
    assert found.l2 == pytest.approx(np.linalg.norm(rounded))
    assert list(found.quantiles.values()) == pytest.approx(np.quantile(rounded, SHARES))
    assert found.exact
    assert found.histogram
    assert sum(found.histogram.counts) == rounded.size


@pytest.mark.parametrize("dtype", ["F32", "BF16"])
def test_large_values_are_sketched(dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    exact = of(NUMBERS, dtype)
    monkeypatch.setattr(module, "_EXACT", 10)
    monkeypatch.setattr(module, "_BLOCK", 100)
    found = of(NUMBERS, dtype)
    assert found.exact == (dtype == "BF16")
    assert found.std == pytest.approx(exact.std)
    lower = np.quantile(NUMBERS.astype(numpy_dtype(dtype)).astype("f8"), SHARES, method="lower")
    assert list(found.quantiles.values()) == pytest.approx(lower, rel=0 if dtype == "BF16" else 2**-8)
    assert exact.histogram
    assert found.histogram
    assert found.histogram.edges == exact.histogram.edges
    assert sum(found.histogram.counts) == NUMBERS.size
    if dtype == "BF16":
        assert found.histogram == exact.histogram, "16 bits are all counted"


def test_a_sketch_of_one_number_is_that_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_EXACT", 0)
    found = of(np.full(9, -math.pi), "F64")
    assert set(found.quantiles.values()) == {-math.pi}
    assert found.histogram
    assert found.histogram.counts == (9,)


@given(st.binary(max_size=96), st.sampled_from(sorted(ITEM_SIZE)), st.data())
def test_statistics_dont_depend_on_where_pieces_are_cut(data: bytes, dtype: str, draw: st.DataObject) -> None:
    data = data[: len(data) - len(data) % ITEM_SIZE[dtype]]
    spec = TensorSpec(dtype, (len(data) // ITEM_SIZE[dtype],))
    at = sorted(draw.draw(st.lists(st.integers(0, len(data)), max_size=5)))
    whole, pieces = (statistics(cut(data, *places), spec) for places in ((), at))
    assert repr(pieces) == repr(whole)


@given(st.binary(max_size=96), st.sampled_from(sorted(ITEM_SIZE)))
def test_every_element_is_counted_once(data: bytes, dtype: str) -> None:
    data = data[: len(data) - len(data) % ITEM_SIZE[dtype]]
    found = statistics(cut(data), TensorSpec(dtype, (len(data) // ITEM_SIZE[dtype],)))
    assert found.finite == (sum(found.histogram.counts) if found.histogram else 0)
    assert found.count == found.finite + found.nans + sum(found.infinities)
    if found.histogram and found.low is not None and found.high is not None:
        assert all(found.low <= value <= found.high for value in found.quantiles.values() if value == value)


def test_nan_and_infinities_are_counted_apart() -> None:
    found = of(np.array([np.nan, np.inf, np.inf, -np.inf, 0, -0.0, 2]), "F32")
    assert (found.nans, found.infinities, found.zeros, found.finite) == (1, (2, 1), 2, 3)
    assert (found.mean, found.low, found.high) == (pytest.approx(2 / 3), 0, 2)
    nothing = of(np.array([np.nan, np.inf]), "BF16")
    assert (nothing.mean, nothing.low, nothing.histogram, nothing.quantiles) == (None, None, None, {})


def test_empty_and_scalar() -> None:
    empty = of(np.zeros((3, 0)), "F32")
    assert (empty.count, empty.mean, empty.histogram, empty.l2) == (0, None, None, 0)
    one = of(np.array(7), "I64")
    assert (one.count, one.mean, one.std, one.low, one.high) == (1, 7, 0, 7, 7)
    assert one.histogram
    assert one.histogram.counts == (1,)


def test_booleans_and_small_integers_have_a_bin_each() -> None:
    booleans = statistics(cut(b"\0\1\1\7"), TensorSpec("BOOL", (4,)))
    assert booleans.histogram
    assert booleans.histogram.counts == (1, 3)
    assert booleans.mean == 0.75
    levels = of(np.array([-2, 0, 0, 3]), "I8").histogram
    assert levels
    assert levels.counts == (1, 0, 2, 0, 0, 1)
    assert levels.edges[0] == -2.5


@pytest.mark.parametrize(("dtype", "part"), [("C32", "<f2"), ("C64", "<f4"), ("C128", "<f8")])
def test_complex_numbers_by_magnitude(dtype: str, part: str) -> None:
    data = np.array([3, 4, 0, 0, -1, 0, np.nan, np.inf], part).tobytes()
    found = statistics(cut(data, 5), TensorSpec(dtype, (4,)))
    assert (found.zeros, found.nans, found.low, found.high, found.l1) == (1, 1, 0, 5, 6)


def test_a_mean_far_from_zero_keeps_its_deviation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BLOCK", 7)
    found = of(1e9 + np.array([-1.0, 1.0] * 500), "F64")
    assert found.std == pytest.approx(1)


def test_sums_of_huge_numbers_may_overflow() -> None:
    found = of(np.array([-1.7e308, 1.7e308]), "F64")
    assert found.high == 1.7e308
    assert found.l2 == math.inf


@pytest.mark.parametrize("size", [7, 9, 0])
def test_another_number_of_bytes_is_refused(size: int) -> None:
    with pytest.raises(CorruptError, match="another size than 8 bytes"):
        statistics(cut(bytes(size)), TensorSpec("F32", (2,)))
