from __future__ import annotations

import numpy as np
from hypothesis import given

from tests.helpers.merging import Array, close, merge, vectors

ZERO = np.zeros(4)


def test_models_weigh_by_their_energy() -> None:
    one, other = np.array([1.0, 1, 1, 1]), np.array([3.0, 3, 3, 3])
    assert close(merge("sce", [one, other], ZERO), np.full(4, 0.1 * 1 + 0.9 * 3))


def test_small_changes_have_energies_too() -> None:
    one, other = np.full(4, 1e-9), np.full(4, 3e-9)
    assert close(merge("sce", [one, other], ZERO), np.full(4, 2.8e-9))


def test_disagreement_is_erased() -> None:
    one, other = np.array([1.0, -1, 2, 0]), np.array([2.0, 3, -1, 1])
    assert close(merge("sce", [one, other], ZERO), np.array([(6 * 1 + 15 * 2) / 21, 3, 2, 1]))


def test_the_share_where_models_differ_most_is_selected() -> None:
    one, other = np.array([1.0, 5, 2, 7]), np.array([1.0, 1, 1, 1])
    # They differ in three places, of which two thirds are two.
    got = merge("sce", [one, other], ZERO, density=0.67)
    assert list(got != 0) == [False, True, False, True]


@given(vectors(4))
def test_without_density_the_base_stays(models: list[Array]) -> None:
    assert np.array_equal(merge("sce", models[1:], models[0], density=0.0), models[0])


@given(vectors(4))
def test_it_lies_between_the_models(models: list[Array]) -> None:
    base, *sides = models
    got = merge("sce", sides, base)
    lowest, highest = np.minimum.reduce(models), np.maximum.reduce(models)
    slack = 1e-9 * (np.abs(lowest) + np.abs(highest))
    assert ((lowest - slack <= got) & (got <= highest + slack)).all()
