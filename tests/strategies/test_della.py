from __future__ import annotations

import numpy as np
import pytest

from git_theta.errors import UsageError
from tests.helpers.merging import merge


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
