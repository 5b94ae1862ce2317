from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_theta.strategies.lazy_array import LazyArray, from_array
from git_theta.strategies.sparsify import drop, drop_both_ends, drop_by_rank, seed_for, trim, zeros_like

DELTA = from_array(np.array([0.5, -4.0, 1.0, -2.0, 3.0]))


def values(found: LazyArray) -> list[float]:
    return found.array().tolist()


def test_trim_keeps_the_largest_absolute_values() -> None:
    assert values(trim(DELTA, 0.4)) == [0, -4, 0, 0, 3]
    assert values(trim(DELTA, 0.01)) == [0, -4, 0, 0, 0]
    assert values(trim(DELTA, 0.4, rescale=True)) == [0, -6, 0, 0, 4.5]


def test_dropping_both_ends_keeps_the_middle() -> None:
    assert values(drop_both_ends(DELTA, 0.4, 0.2)) == [0, 0, 0, -2, 3]
    assert values(drop_both_ends(DELTA, 0.8, 0.4)) == [0.5, 0, 1, -2, 3]


@pytest.mark.parametrize("density", [1.0, 2.0])
def test_a_density_of_one_keeps_the_task_vector_itself(density: float) -> None:
    assert trim(DELTA, density) is DELTA
    assert drop_both_ends(DELTA, density, 0.5) is DELTA
    assert drop(DELTA, density, 0) is DELTA
    assert drop_by_rank(DELTA, density, 0.1, 0) is DELTA


def test_a_density_of_zero_drops_everything() -> None:
    for found in (trim(DELTA, 0), drop(DELTA, 0, 0), drop_by_rank(DELTA, 0, 0.1, 0)):
        assert values(found) == [0] * 5


@given(st.floats(0.1, 0.9), st.integers(0, 9))
def test_dropped_elements_are_zero_and_others_scaled(density: float, seed: int) -> None:
    kept = drop(DELTA, density, seed).array()
    pairs = zip(kept, values(DELTA), strict=True)
    assert all(value in (0, before / density) for value, before in pairs)
    assert (kept == drop(DELTA, density, seed).array()).all()


def test_seeds_differ_by_seed_parameter_and_model() -> None:
    seeds = {seed_for(*each) for each in product(range(3), ("a", "b", "1\na"), range(3))}
    assert len(seeds) == 27
    assert all(0 <= seed < 2**64 for seed in seeds)


def test_zeros_stand_in_for_nan_and_infinity_too() -> None:
    assert values(zeros_like(from_array(np.array([np.nan, np.inf, -np.inf, 1.0])))) == [0] * 4
