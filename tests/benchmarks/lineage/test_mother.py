"""MoTHer, as it's implemented for comparison."""

from __future__ import annotations

import numpy as np

from benchmarks.lineage.mother import mother


def test_two_families() -> None:
    random = np.random.default_rng(0)
    models = {}
    for family in "ab":
        weights = random.standard_normal((40, 40))
        for number in range(3):
            models[f"{family}{number}"] = {"weight": weights}
            # More training makes more outliers.
            weights = weights + 0.05 * random.standard_t(2, (40, 40))
    truth = {("a1", "a0"), ("a2", "a1"), ("b1", "b0"), ("b2", "b1")}
    assert set(mother(models, 2, 1)) == truth
    assert set(mother(models, 2, -1)) == {(parent, child) for child, parent in truth}
