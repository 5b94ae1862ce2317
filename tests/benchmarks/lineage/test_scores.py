"""Scores of inferred lineages."""

from __future__ import annotations

from math import isnan

import pytest

from benchmarks.lineage.scores import adjusted_rand_index, scores


@pytest.mark.parametrize(
    ("other", "index"),
    [([5, 5, 7, 7], 1.0), ([0, 0, 1, 2], 0.571429), ([0, 0, 0, 0], 0.0), ([0, 1, 0, 1], -0.5)],
)
def test_adjusted_rand_index(other: list[int], index: float) -> None:
    # The second one is the example of scikit-learn's documentation.
    assert adjusted_rand_index([0, 0, 1, 1], other) == pytest.approx(index, abs=1e-5)


def test_scores() -> None:
    models = ["a", "b", "c", "d", "x"]
    truth = [("b", "a"), ("c", "a"), ("d", "c")]
    found = scores(models, truth, {("b", "a"): True, ("a", "c"): True, ("b", "x"): False})
    assert found.edges == pytest.approx(2 / 3)
    assert (found.directions, found.told) == (0.5, pytest.approx(2 / 3))
    assert found.abstained == pytest.approx(1 / 3)
    nothing = scores(models, truth, {})
    assert (nothing.edges, nothing.abstained) == (0, 1)
    assert isnan(nothing.directions)
