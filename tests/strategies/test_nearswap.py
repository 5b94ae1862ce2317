from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.merging import Array, exact, merge, vectors


def test_near_elements_are_theirs_and_others_move_by_t() -> None:
    ours, theirs = np.array([0.0, 0, 0, 1]), np.array([0.1, 5, -5, 1])
    assert list(merge("nearswap", [ours, theirs], t=0.5)) == [0.1, 0.5, -0.5, 1]


@given(vectors(2, exact), st.floats(0, 8))
def test_nothing_moves_further_than_t_or_past_theirs(models: list[Array], t: float) -> None:
    ours, theirs = models
    moved = merge("nearswap", models, t=t) - ours
    assert (np.abs(moved) <= np.minimum(np.abs(theirs - ours), t) * (1 + 1e-12) + 1e-12).all()
    assert (moved * (theirs - ours) >= 0).all()


@given(vectors(2))
def test_all_of_it_is_theirs_if_t_is_large(models: list[Array]) -> None:
    assert np.array_equal(merge("nearswap", models, t=1e7), models[1])


@given(vectors(2))
def test_none_is_if_t_is_zero(models: list[Array]) -> None:
    assert np.array_equal(merge("nearswap", models, t=0.0), models[0])
