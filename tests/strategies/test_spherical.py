from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_theta.errors import UsageError
from tests.helpers.merging import Array, close, merge, size, vectors

fractions = st.floats(0, 1)


def at_angle(*angles: float) -> list[Array]:
    return [np.array([np.cos(angle), np.sin(angle)]) for angle in angles]


@given(st.floats(0.1, 3.0), fractions)
def test_slerp_divides_the_angle(angle: float, t: float) -> None:
    (want,) = at_angle(t * angle)
    assert close(merge("slerp", at_angle(0, angle), t=t), want, 10.0)
    assert close(merge("nuslerp", at_angle(0, angle), weights=(1 - t, t)), want, 10.0)


@given(vectors(2))
def test_slerp_begins_with_ours_and_ends_with_theirs(models: list[Array]) -> None:
    for t in (0, 1):
        assert close(merge("slerp", models, t=float(t)), models[t], size(models))


@given(vectors(2), fractions)
def test_slerp_mirrors(models: list[Array], t: float) -> None:
    one, other = merge("slerp", models, t=t), merge("slerp", models[::-1], t=1 - t)
    assert np.allclose(one, other, rtol=0, atol=1e-9 * size(models))


def test_slerp_is_straight_where_models_are_nearly_parallel_or_opposite() -> None:
    one, other = at_angle(0, 0.01)
    assert close(merge("slerp", [one, 3 * other]), (one + 3 * other) / 2)
    assert not close(merge("slerp", [one, 3 * other], threshold=1.0), (one + 3 * other) / 2)
    assert close(merge("slerp", [one, -one], t=0.25), one / 2)


@given(vectors(2))
def test_nuslerp_of_one_row_is_that_of_the_whole(models: list[Array]) -> None:
    rows = [model.reshape(1, -1) for model in models]
    columns = [model.reshape(-1, 1) for model in models]
    want = merge("nuslerp", [model.reshape(-1) for model in models])
    close_enough = {"rtol": 0, "atol": 1e-7 * size(models)}
    assert np.allclose(merge("nuslerp", rows, vectors="last").reshape(-1), want, **close_enough)
    assert np.allclose(merge("nuslerp", columns, vectors="first").reshape(-1), want, **close_enough)


def test_nuslerp_takes_each_row_or_column_for_itself() -> None:
    models = list(np.random.default_rng(0).normal(size=(2, 3, 4)))
    rows = merge("nuslerp", models, vectors="last")
    columns = merge("nuslerp", models, vectors="first")
    for row in range(3):
        assert close(rows[row], merge("nuslerp", [model[row] for model in models]))
    for column in range(4):
        assert close(columns[:, column], merge("nuslerp", [model[:, column] for model in models]))


@pytest.mark.parametrize("name", ["nuslerp", "multislerp"])
def test_changes_are_interpolated_around_the_base(name: str) -> None:
    base, *models = np.random.default_rng(1).normal(size=(3, 20))
    want = base + merge(name, [model - base for model in models])
    assert close(merge(name, models, base, changes=True), want)
    with pytest.raises(UsageError, match="no base"):
        merge(name, models, changes=True)


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


def test_opposite_models_have_a_mean() -> None:
    one = np.array([3.0, 4.0])
    assert not merge("multislerp", [one, -one]).any()
    assert np.isfinite(merge("karcher", [one, -one])).all()
    assert np.isfinite(merge("nuslerp", [one, -one])).all()


@pytest.mark.parametrize("name", ["multislerp", "karcher"])
def test_weights_must_not_sum_to_zero(name: str) -> None:
    with pytest.raises(UsageError, match="sum of zero"):
        merge(name, at_angle(0, 1), weights=(1.0, -1.0))
