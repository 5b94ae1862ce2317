"""The factors of scaled weights."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from git_theta.updates import scaling
from git_theta.updates.factors import MANTISSA
from git_theta.updates.rounding import round_to, widen
from git_theta.updates.scaling import Scaling, find_scaling, scaled_axes

Numbers = NDArray[np.float64]


def weights(shape: tuple[int, ...], dtype: str) -> Numbers:
    return rounded(np.random.default_rng(0).standard_normal(shape) * 0.05, dtype)


def rounded(numbers: NDArray[Any], dtype: str) -> Numbers:
    return widen(round_to(numbers.astype(np.float64).reshape(-1), dtype), dtype).reshape(numbers.shape)


def found(value: Numbers, base: Numbers, axes: tuple[int, ...], dtype: str = "F32") -> Scaling:
    def blocks() -> Iterator[tuple[Numbers, Numbers]]:
        for start in range(0, len(value), 10):
            yield value[start : start + 10], base[start : start + 10]

    return find_scaling(blocks, axes, value.shape, dtype)


def factors(shape: tuple[int, ...]) -> Numbers:
    return rounded(np.random.default_rng(1).uniform(-2, 2, shape), "F32")


@pytest.mark.parametrize("dtype", MANTISSA)
@pytest.mark.parametrize(
    ("shape", "of", "axes"),
    [
        ((1000,), (1,), ()),
        ((64, 96), (1, 1), ()),
        ((64, 96), (64, 1), (0,)),
        ((64, 96), (1, 96), (1,)),
        ((64, 48, 3, 3), (1, 48, 1, 1), (1,)),
        ((4, 48, 64), (4, 48, 1), (0, 1)),
        ((4, 48, 64), (1, 1, 64), (2,)),
    ],
)
def test_factors_of_float32_come_back(
    dtype: str, shape: tuple[int, ...], of: tuple[int, ...], axes: tuple[int, ...]
) -> None:
    base, scales = weights(shape, dtype), factors(of)
    value = rounded(base * scales, dtype)
    assert scaled_axes(value, base, shape, dtype) == axes
    scaling = found(value, base, axes, dtype)
    assert scaling.factors.shape == of
    assert (rounded(base * scaling.factors, dtype) == value).all()
    if dtype in ("F32", "F64"):
        assert scaling.dtype == "F32"
        assert dtype == "F64" or (scaling.factors == scales).all()


def test_quotients_need_factors_of_float64() -> None:
    base, scales = weights((64, 400), "F32"), factors((64, 1))
    value = rounded(base / scales, "F32")
    scaling = found(value, base, (0,))
    assert scaling.dtype == "F64"
    assert (rounded(base * scaling.factors, "F32") == value).all()


def test_zeros_and_infinities_bound_nothing() -> None:
    base, scales = weights((64, 96), "F32"), factors((64, 1))
    base[::3, ::2] = 0
    value = rounded(base * scales, "F32")
    value[5, 5], value[6, 6] = np.inf, np.nan
    base[7] = 0
    value[7] = 0
    scaling = found(value, base, (0,))
    others = np.arange(64) != 7
    assert (scaling.factors[others] == scales[others]).all()
    assert np.isfinite(scaling.factors).all()


def test_elements_that_were_changed_otherwise_dont_spoil_a_factor() -> None:
    base, scales = weights((64, 96), "F32"), factors((64, 1))
    value = rounded(base * scales, "F32")
    value[:, 10:20] *= 1.5
    assert (found(value, base, (0,)).factors == scales).all()


def test_tuned_weights_arent_scaled() -> None:
    base = weights((64, 96), "F32")
    moved = rounded(base + np.random.default_rng(2).standard_normal(base.shape) * 1e-4, "F32")
    for other in (base, moved, weights((64, 96), "F32")[::-1]):
        assert scaled_axes(other, base, base.shape, "F32") is None


def test_weights_may_be_tuned_after_they_were_scaled() -> None:
    base, scales = weights((64, 96), "F32"), factors((1, 96))
    moved = rounded(base * scales + np.random.default_rng(2).standard_normal(base.shape) * 1e-5, "F32")
    assert scaled_axes(moved, base, base.shape, "F32") == (1,)
    assert np.abs(found(moved, base, (1,)).factors / scales - 1).max() < 0.05


@pytest.mark.parametrize("noise", [1e-5, 1e-3, 0.02, 0.05, 0.2, 1.0])
def test_weights_that_were_trained_further_are_told_by_neighbours(
    noise: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The medians of all axes take ten times as long."""
    monkeypatch.setattr(scaling, "_possible_axes", lambda _shape: 1 / 0)
    base = weights((16, 24), "F32")
    value = base * (1 + noise * np.random.default_rng(5).standard_normal(base.shape))
    assert scaled_axes(value, base, base.shape, "F32") is None
