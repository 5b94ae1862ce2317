from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_theta.errors import UsageError
from tests.helpers.merging import Array, close, exact, merge, vectors

RANDOM = ["dare-linear", "dare-ties", "della", "della-linear"]
LINEAR = ["dare-linear", "della-linear", "breadcrumbs"]


def sums(*models: list[float], **options: object) -> list[float]:
    """What `ties` changes in a base of zeros."""
    merged: list[float] = merge(
        "ties", [np.array(model) for model in models], np.zeros(len(models[0])), **options
    )
    return list(merged)


def test_ties_keeps_the_largest_and_elects_signs() -> None:
    assert sums([4, -1, 3, 2], [2, 3, -5, 0.5], density=(0.5,)) == [4, 3, -5, 0]
    assert sums([4, -1, 3, 2], [2, 3, -5, 4]) == [3, 3, -5, 3]
    assert sums([4, -1, 3, 2], [2, 3, -5, 4], normalize=False, scale=0.5) == [3, 1.5, -2.5, 3]


def test_ties_weighs_votes_and_changes() -> None:
    assert sums([1, 1], [-2, 2], weights=(3.0, 1.0)) == [1, 1.25]
    assert sums([1, 1], [-2, 2], weights=(3.0, 1.0), normalize=False) == [3, 5]


def test_a_tied_vote_elects_plus() -> None:
    assert sums([1], [-1]) == [1]


def test_ties_keeps_one_element_at_least() -> None:
    assert sums([1, 2, 3], [0, 0, 5], density=(0.01,)) == [0, 0, 4]


def test_densities_may_differ() -> None:
    assert sums([1, 2], [4, 3], density=(0.5, 1.0)) == [4, 2.5]
    with pytest.raises(UsageError, match="3 values of density are given for 2 models"):
        sums([1, 2], [4, 3], density=(0.5, 1.0, 0.1))


def test_rescaling_keeps_the_sum_of_absolute_values() -> None:
    assert sums([1, -3], [0, 0], density=(0.5,), rescale=True, normalize=False) == [0, -4]


@given(vectors(3, st.integers(0, 1024).map(float)))
def test_ties_of_agreeing_changes_is_their_mean(models: list[Array]) -> None:
    base = np.ones_like(models[0]) * 5
    deltas = [model + 1 for model in models]
    assert close(merge("ties", [base + delta for delta in deltas], base), base + sum(deltas) / 3)


@given(vectors(3, exact), st.sampled_from(LINEAR))
def test_with_all_kept_linear_ones_are_task_arithmetic(models: list[Array], name: str) -> None:
    base, one, other = models
    assert np.array_equal(merge(name, [one, other], base), one + other - base)
    want = base + 0.5 * (0.75 * (one - base) + 0.25 * (other - base))
    options = {"weights": (3.0, 1.0), "normalize": True, "scale": 0.5}
    assert close(merge(name, [one, other], base, **options), want, 1.0)


@given(vectors(3), st.sampled_from(["ties", "breadcrumbs", "breadcrumbs-ties"]), st.floats(0, 1))
def test_swapping_sides_mirrors(models: list[Array], name: str, density: float) -> None:
    base, *sides = models
    one = merge(name, sides, base, weights=(2.0, 1.0), density=(density, 0.5))
    other = merge(name, sides[::-1], base, weights=(1.0, 2.0), density=(0.5, density))
    assert close(one, other)


@given(
    vectors(3), st.sampled_from(["ties", "dare-linear", "dare-ties", "della", "della-linear", "breadcrumbs"])
)
def test_without_density_the_base_stays(models: list[Array], name: str) -> None:
    base, *sides = models
    assert np.array_equal(merge(name, sides, base, density=(0.0,)), base)


def test_breadcrumbs_leaves_out_both_ends() -> None:
    model = np.arange(1.0, 11)
    zero = np.zeros(10)

    def kept(**options: object) -> list[float]:
        return list(np.flatnonzero(merge("breadcrumbs", [model, zero], zero, **options)))

    assert kept(density=(0.5,), gamma=(0.2,)) == [3, 4, 5, 6, 7]
    assert kept(density=(0.5,), gamma=(0.0,)) == [5, 6, 7, 8, 9]
    assert kept(density=(0.8,), gamma=(0.5,)) == [0, 1, 2, 3, 4, 5, 6, 7]
    assert kept(density=(0.0,), gamma=(0.5,)) == []


@pytest.mark.parametrize("name", RANDOM)
def test_seeds_names_and_models_have_masks_of_their_own(name: str) -> None:
    zero = np.zeros(4000)

    def mask(side: int = 0, **options: object) -> Array:
        models = [zero, zero]
        models[side] = np.ones(4000)
        return merge(name, models, zero, density=(0.5,), **options) != 0

    first = mask()
    assert np.array_equal(first, mask())
    for other in (mask(1), mask(seed=1), mask(parameter="bias")):
        assert 0.4 < (first == other).mean() < 0.6


@pytest.mark.parametrize("name", RANDOM)
@pytest.mark.parametrize("density", [0.2, 0.5, 0.8])
def test_the_share_that_is_kept_and_the_expectation(name: str, density: float) -> None:
    random = np.random.default_rng(0)
    base, step = random.normal(size=(2, 300, 200))
    other = base.copy()
    options = {"density": (density,), "normalize": False}
    merged = merge(name, [base + step, other], base, **options) - base
    kept = np.abs(merged) > 1e-9
    # Six standard deviations of a binomial share, at most.
    assert abs(kept.mean() - density) < 6 * np.sqrt(density * (1 - density) / kept.size)
    # What is kept makes up for what isn't: a regression of the merged change on the change has the slope 1.
    slope = (merged * step).sum() / (step * step).sum()
    assert abs(slope - 1) < 6 * np.sqrt((1 / 0.05 - 1) * 3 / kept.size)
    plain = merge(name, [base + step, other], base, rescale=False, **options) - base
    assert np.allclose(plain[kept], step[kept])


def test_dare_divides_by_the_density() -> None:
    zero, ones = np.zeros(1000), np.ones(1000)
    assert set(merge("dare-linear", [ones, zero], zero, density=(0.25,))) == {0.0, 4.0}


def test_the_mean_over_seeds_is_the_change() -> None:
    random = np.random.default_rng(1)
    step, zero = random.normal(size=50), np.zeros(50)
    for name in ("dare-linear", "della-linear"):
        total = sum(merge(name, [step, zero], zero, density=(0.5,), seed=seed) for seed in range(400))
        assert np.abs(total / 400 - step).max() < 6 * 2 * np.abs(step).max() / 20


def test_della_prefers_large_changes_of_a_row() -> None:
    rows = np.tile(np.arange(1.0, 101), (500, 1)) * np.logspace(-3, 3, 500)[:, None]
    kept = merge("della-linear", [rows, rows * 0], rows * 0, density=(0.5,), epsilon=(0.3,)) != 0
    assert np.abs(kept.mean(axis=0) - np.linspace(0.2, 0.8, 100)).max() < 6 * 0.5 / np.sqrt(500)


def test_della_divides_by_each_probability() -> None:
    row = np.array([1.0, -2.0, 3.0])
    options = {"density": (0.5,), "epsilon": (0.25,)}
    seen = {tuple(merge("della-linear", [row, row * 0], row * 0, seed=seed, **options)) for seed in range(60)}
    assert {values[0] for values in seen} == {0.0, 4.0}
    assert {values[1] for values in seen} == {0.0, -4.0}
    assert {values[2] for values in seen} == {0.0, 4.0}


@pytest.mark.parametrize(("density", "epsilon"), [(0.1, 0.15), (0.9, 0.1), (0.5, -0.1)])
def test_della_needs_probabilities(density: float, epsilon: float) -> None:
    with pytest.raises(UsageError, match="between 0 and 1"):
        merge("della", [np.ones(3), np.zeros(3)], np.zeros(3), density=(density,), epsilon=(epsilon,))
