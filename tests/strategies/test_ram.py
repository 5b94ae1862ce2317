from __future__ import annotations

import numpy as np
from hypothesis import given

from tests.helpers.merging import Array, exact, merge, vectors

ONE, OTHER = np.array([1.0, 2, 0, 4, 1e-6]), np.array([0.0, 4, 3, 8, 0])


def test_unique_changes_stay_and_shared_ones_are_averaged() -> None:
    assert list(merge("ram", [ONE, OTHER], np.zeros(5))) == [1, 3, 3, 6, 0]


def test_what_counts_as_a_change() -> None:
    assert list(merge("ram", [ONE, OTHER], np.zeros(5), epsilon=3.0)) == [0, 4, 0, 6, 0]


def test_unique_changes_can_be_boosted() -> None:
    # Each shares two elements and has one for itself.
    assert list(merge("ram", [ONE, OTHER], np.zeros(5), boost=0.5, limit=4.0)) == [2, 3, 6, 6, 0]
    assert list(merge("ram", [ONE, OTHER], np.zeros(5), boost=0.5, limit=1.0)) == [1.5, 3, 4.5, 6, 0]


@given(vectors(3, exact))
def test_disjoint_changes_all_survive(models: list[Array]) -> None:
    base, one, other = models
    theirs = np.where(one == base, other, base)
    assert np.array_equal(merge("ram", [one, theirs], base), np.where(one == base, theirs, one))
