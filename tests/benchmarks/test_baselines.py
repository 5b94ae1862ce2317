"""The baselines of the benchmark: their parts are what they claim to be."""

from __future__ import annotations

import math
import sys
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from benchmarks import baselines
from git_theta.model.tensor import numpy_dtype


def words(values: NDArray[Any]) -> NDArray[Any]:
    return values.view(f"u{values.itemsize}")


@given(st.lists(st.floats(allow_nan=False, width=32), min_size=2))
def test_ordered_floats_keep_their_order(numbers: list[float]) -> None:
    values = np.sort(np.array(numbers, "<f4"))
    integers = baselines.ordered(words(values), "F32")
    steps = values[1:] > values[:-1]
    assert (integers[1:][steps] > integers[:-1][steps]).all()


@pytest.mark.parametrize("dtype", ["F16", "BF16"])
def test_ordered_covers_every_pattern_of_a_half_once_and_in_order(dtype: str) -> None:
    patterns = np.arange(1 << 16, dtype=np.uint16)
    integers = baselines.ordered(patterns, dtype)
    assert len(np.unique(integers)) == 1 << 16
    values = patterns[np.argsort(integers)].view(numpy_dtype(dtype)).astype(np.float32)
    values = values[~np.isnan(values)]
    assert (values[1:] >= values[:-1]).all()


@pytest.mark.parametrize(("dtype", "kind"), [("I32", "<i4"), ("U8", "u1"), ("I64", "<i8")])
def test_ordered_integers_keep_their_order(dtype: str, kind: str) -> None:
    info = np.iinfo(kind)
    values = np.array([info.min, info.min + 1, info.max // 2, info.max], kind)
    integers = baselines.ordered(words(values), dtype)
    assert (integers[1:] > integers[:-1]).all()


@given(st.lists(st.integers(0, 2**64 - 1)), st.sampled_from([8, 16, 32, 64]))
def test_bit_length(numbers: list[int], bits: int) -> None:
    numbers = [number % (1 << bits) for number in numbers]
    lengths = baselines.bit_length(np.array(numbers, f"u{bits // 8}"))
    assert lengths.tolist() == [number.bit_length() for number in numbers]


def test_entropy() -> None:
    assert baselines.entropy(np.zeros(0, np.int64)) == 0
    assert baselines.entropy(np.full(9, 3)) == 0
    assert baselines.entropy(np.array([0, 1] * 5)) == pytest.approx(1)
    assert baselines.entropy(np.arange(256)) == pytest.approx(8)
    assert baselines.entropy(np.array([0, 0, 0, 1])) == pytest.approx(0.75 * math.log2(4 / 3) + 0.5)


def test_a_difference_of_nothing_costs_nothing() -> None:
    value = words(np.linspace(-1, 1, 1000).astype("<f4"))
    assert baselines.ordered_difference(value, value, "F32") == 0


def test_a_difference_costs_its_symbol_and_the_bits_below_the_leading_one() -> None:
    base = np.full(80, 1 << 20, "<u4")
    new = base + np.array([8, 15] * 40, "<u4")
    # Every difference has four bits and one sign: the symbol is free, three bits remain.
    assert baselines.ordered_difference(new, base, "U32") == 80 * 3 / 8
    # Half of them down: one bit more, for the sign.
    assert baselines.ordered_difference(base, np.where(np.arange(80) < 40, new, 2 * base - new), "U32") == (
        pytest.approx(80 * 4 / 8)
    )


def test_differences_of_wide_words_do_not_overflow() -> None:
    ends = np.array([0, 2**64 - 1], "<u8")
    assert baselines.ordered_difference(ends, ends[::-1], "U64") == (2 * 63 + 2) / 8


def test_xor_planes_of_close_values_are_small() -> None:
    rng = np.random.default_rng(0)
    base = words(rng.standard_normal(10_000, dtype=np.float32))
    close = base ^ rng.integers(0, 256, base.size, np.uint32)
    assert baselines.xor_planes(base, base) < 100
    assert 10_000 <= baselines.xor_planes(close, base) < 10_200
    assert baselines.xor_planes(base, None) > 30_000


def test_xor_planes_never_grow() -> None:
    noise = words(np.arange(7, dtype=ml_dtypes.bfloat16))
    assert baselines.xor_planes(noise, None) <= noise.nbytes


def test_zipnn_is_optional(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "zipnn", None)
    assert baselines.zipnn() is None
