"""Programs of sums: the same bits as those of a program that computes in the dtype."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from numpy.typing import NDArray

from git_theta.encoding.sums import WeightedSum, rounded_once, rounded_stepwise
from git_theta.updates.program_machine import evaluate
from git_theta.updates.rounding import round_to, widen

Array = NDArray[Any]

DTYPES = {"BF16": np.dtype(ml_dtypes.bfloat16), "F16": np.dtype("<f2")}
NUMBERS = np.random.default_rng(0).standard_normal((4, 999)) * 0.05


def given(chosen: WeightedSum, parts: list[Array], dtype: str) -> Array:
    """The words that a sum gives."""
    wide = [widen(part.view("<u2"), dtype) for part in parts]
    inputs = [iter([wide[place]]) for place in chosen.places]
    (numbers,) = evaluate(chosen.program, inputs, 999, 999)
    return round_to(numbers, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("weights", "merge"),
    [
        ((0.7, 0.3), lambda w, a, b: a * w(0.7) + b * w(0.3)),
        ((1 / 3, 1 / 3, 1 / 3), lambda w, a, b, c: (a + b + c) / w(3)),
        ((1 / 3, 1 / 3, 1 / 3), lambda w, a, b, c: a / w(3) + b / w(3) + c / w(3)),
        ((0.5, 0.5), lambda w, a, b: (a + b) * w(0.5)),
        ((0.2, 0.3, 0.5), lambda w, a, b, c: c * w(0.5) + a * w(0.2) + b * w(0.3)),
        ((0.0, 0.5, 0.5), lambda w, a, b, c: a + (b - a) * w(0.5) + (c - a) * w(0.5)),
        ((0.0, 0.5, 0.5), lambda w, a, b, c: a + ((b - a) + (c - a)) * w(0.5)),
        ((0.25, 0.5, 0.25), lambda w, a, b, c: b + ((c - b) * w(0.25) + (a - b) * w(0.25))),
        ((0.25, 0.5, 0.125, 0.125), lambda w, a, b, c, d: a * w(0.25) + b * w(0.5) + c / w(8) + d / w(8)),
    ],
)
def test_each_way_of_a_sum_is_among_them(
    dtype: str, weights: tuple[float, ...], merge: Callable[..., Array]
) -> None:
    parts = [part.astype(DTYPES[dtype]) for part in NUMBERS[: len(weights)]]

    class Weight:
        """A number as libraries take it: computed with in float32, and the result rounded."""

        def __init__(self, value: float) -> None:
            self.value = np.float32(value)

        def __rmul__(self, other: Array) -> Array:
            return (other.astype("<f4") * self.value).astype(other.dtype)

        def __rtruediv__(self, other: Array) -> Array:
            return (other.astype("<f4") / self.value).astype(other.dtype)

        __array_ufunc__ = None

    expected = merge(Weight, *parts).view("<u2")
    found = [given(each, parts, dtype) for each in rounded_stepwise(weights, dtype)]
    assert any(np.array_equal(words, expected) for words in found)


def test_fused_products_are_added_before_they_are_rounded() -> None:
    one, other = (part.astype("<f2") for part in NUMBERS[:2])
    scaled = (one.astype("<f4") * np.float32(0.6)).astype("<f2")
    expected = (scaled.astype("<f4") + other.astype("<f4") * np.float32(0.4)).astype("<f2").view("<u2")
    found = [given(each, [one, other], "F16") for each in rounded_stepwise((0.6, 0.4), "F16")]
    assert any(np.array_equal(words, expected) for words in found)


def test_a_sum_that_is_rounded_once_leaves_out_parts_without_weight() -> None:
    chosen = rounded_once((0.7, 0.0, 0.3))
    assert chosen.places == (0, 2)
    parts = [part.astype("<f2") for part in NUMBERS[:3]]
    wide = [part.astype("f8") for part in parts]
    expected = (wide[0] * 0.7 + wide[2] * 0.3).astype("<f2").view("<u2")
    assert np.array_equal(given(chosen, parts, "F16"), expected)


def test_there_are_not_too_many_ways() -> None:
    assert len(list(rounded_stepwise((0.25, 0.25, 0.25, 0.25), "BF16"))) <= 60
