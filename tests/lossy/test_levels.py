from __future__ import annotations

import math

import pytest

from git_theta.lossy.levels import Level, levels_of
from git_theta.updates.quantized import Quantized, step_of
from git_theta.updates.sign import Sign


def test_steps_get_finer() -> None:
    levels = levels_of(Quantized())
    factors = [level.factor for level in levels]
    assert factors == sorted(factors, reverse=True)
    assert (factors[0], factors[2]) == (4.0, 2.0)
    assert {level.update.name for level in levels} == {"quantized"}


def test_signs_are_the_coarsest_and_steps_follow() -> None:
    first, *others = levels_of(Sign())
    assert isinstance(first.update, Sign)
    assert {level.update.name for level in others} == {"quantized"}
    assert max(level.factor for level in others) < 1.5


@pytest.mark.parametrize("scale", [1e-30, 1e-3, 1.0, 1e5, 1e300])
def test_error_bounds_are_finite_and_positive(scale: float) -> None:
    for level in (*levels_of(Quantized()), *levels_of(Sign())):
        epsilon = level.epsilon(scale, None)
        assert math.isfinite(epsilon)
        assert epsilon > 0
        assert level.epsilon(scale, 1e-6) <= 1e-6


def test_a_step_is_a_multiple_of_the_changes() -> None:
    assert step_of(Level(Quantized(), 0.5).epsilon(0.02, None)) == pytest.approx(0.01)
