from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_theta.errors import UsageError
from tests.helpers.merging import Array, at_angle, close, merge, size, vectors

fractions = st.floats(0, 1)


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


def test_nuslerp_of_changes_is_around_the_base() -> None:
    base, *models = np.random.default_rng(1).normal(size=(3, 20))
    want = base + merge("nuslerp", [model - base for model in models])
    assert close(merge("nuslerp", models, base, changes=True), want)
    with pytest.raises(UsageError, match="no base"):
        merge("nuslerp", models, changes=True)


def test_nuslerp_of_opposite_models_is_finite() -> None:
    one = np.array([3.0, 4.0])
    assert np.isfinite(merge("nuslerp", [one, -one])).all()
