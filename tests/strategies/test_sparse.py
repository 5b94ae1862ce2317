from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.merging import Array, close, exact, merge, vectors

RANDOM = ["dare-linear", "dare-ties", "della", "della-linear"]
LINEAR = ["dare-linear", "della-linear", "breadcrumbs"]


@given(vectors(3, exact), st.sampled_from(LINEAR))
def test_linear_strategies_that_keep_all_are_task_arithmetic(models: list[Array], name: str) -> None:
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
def test_the_density_zero_gives_the_base(models: list[Array], name: str) -> None:
    base, *sides = models
    assert np.array_equal(merge(name, sides, base, density=(0.0,)), base)


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


def test_the_mean_over_seeds_is_the_change() -> None:
    random = np.random.default_rng(1)
    step, zero = random.normal(size=50), np.zeros(50)
    for name in ("dare-linear", "della-linear"):
        total = sum(merge(name, [step, zero], zero, density=(0.5,), seed=seed) for seed in range(400))
        assert np.abs(total / 400 - step).max() < 6 * 2 * np.abs(step).max() / 20
