from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_theta.errors import UsageError
from tests.helpers.merging import at_angle, close, merge


def test_multislerp_of_changes_is_around_the_base() -> None:
    base, *models = np.random.default_rng(1).normal(size=(3, 20))
    want = base + merge("multislerp", [model - base for model in models])
    assert close(merge("multislerp", models, base, changes=True), want)
    with pytest.raises(UsageError, match="no base"):
        merge("multislerp", models, changes=True)


@pytest.mark.parametrize("name", ["multislerp", "karcher"])
def test_the_mean_of_directions_has_the_mean_length(name: str) -> None:
    models = [length * each for length, each in zip((1, 2, 6), at_angle(0, 0.5, 1), strict=True)]
    assert close(merge(name, models), 3 * at_angle(0.5)[0], 100.0)


@given(st.lists(st.floats(0, 1.5), min_size=2, max_size=5))
def test_karcher_is_the_mean_angle_on_a_circle(angles: list[float]) -> None:
    (want,) = at_angle(float(np.mean(angles)))
    assert np.allclose(merge("karcher", at_angle(*angles)), want, atol=1e-4)


def test_karcher_differs_from_the_mean_of_directions() -> None:
    angles = (0.0, 0.1, 1.5)
    assert np.allclose(merge("karcher", at_angle(*angles), weights=(2, 1, 1)), at_angle(0.4)[0], atol=1e-4)
    start = merge("karcher", at_angle(*angles), max_iter=0)
    assert close(start, merge("multislerp", at_angle(*angles)))
    assert not np.allclose(start, merge("karcher", at_angle(*angles)), atol=1e-3)


def test_zero_vectors_have_no_direction_but_a_length() -> None:
    zero, one = np.zeros(2), np.array([3.0, 4.0])
    for name in ("multislerp", "karcher"):
        assert close(merge(name, [zero, one]), one / 2)


@pytest.mark.parametrize("name", ["multislerp", "karcher"])
def test_weights_must_not_sum_to_zero(name: str) -> None:
    with pytest.raises(UsageError, match="sum of zero"):
        merge(name, at_angle(0, 1), weights=(1.0, -1.0))


def test_opposite_models_have_a_mean() -> None:
    one = np.array([3.0, 4.0])
    assert not merge("multislerp", [one, -one]).any()
    assert np.isfinite(merge("karcher", [one, -one])).all()
