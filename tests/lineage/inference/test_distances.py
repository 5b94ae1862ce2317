"""Distances between models."""

from __future__ import annotations

import numpy as np

from git_theta.lineage.inference.distances import measure_distances
from tests.helpers import families
from tests.helpers.families import sampled


def test_units_are_deviations() -> None:
    random = np.random.default_rng(1)
    base = families.base(random)
    models = [
        base,
        families.tuned(random, base, 0.03),
        families.base(random),
        families.quantised(random, base),
    ]
    found = measure_distances([sampled(str(at), model) for at, model in enumerate(models)])
    assert np.allclose(found.distance, found.distance.T)
    assert np.allclose(np.diag(found.distance), 0, atol=1e-6)
    assert abs(found.distance[0, 1] - 0.03) < 0.002
    assert abs(found.distance[0, 2] - 1.41) < 0.05
    assert found.distance[0, 3] < 0.35
    assert found.covered[0, 1] == 1


def test_equal_elements_and_equal_values() -> None:
    random = np.random.default_rng(2)
    base = families.base(random)
    models = [base, families.pruned(random, base), families.frozen(random, base)]
    found = measure_distances([sampled(str(at), model) for at, model in enumerate(models)])
    assert found.equal[1, 0] == 1
    assert 0.7 < found.shared[2, 0] < 0.8
    assert 0.7 < found.equal[2, 0] < 0.8


def test_numbers_that_arent_finite_and_parameters_without_deviation() -> None:
    flat = {"w": np.ones((32, 32), "f4"), "x": np.full((32, 32), np.nan, "f4")}
    found = measure_distances([sampled("a", flat), sampled("b", flat)])
    assert np.isinf(found.distance[0, 1])
    assert found.shared[0, 1] == 1
