"""The choice of bases among many values, by estimated costs."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable

import numpy as np
import pytest

from git_theta.replanning.base_forest import plan_forest

#: Gives the bytes of a delta: of the value at the first place from the one at the second.
Delta = Callable[[int, int], float]


def planned(whole: list[float], delta: Delta, depth: int) -> tuple[int | None, ...]:
    count = len(whole)
    matrix = [[delta(value, base) for base in range(count)] for value in range(count)]
    deltas = np.array(matrix, float).reshape(count, count)
    np.fill_diagonal(deltas, np.inf)
    return plan_forest(whole, deltas, depth)


def on_a_line(*places: int) -> Delta:
    """Deltas that cost the distance of two values."""
    return lambda value, base: abs(places[value] - places[base])


def total(bases: tuple[int | None, ...], dense: list[float], delta: Delta) -> float:
    return sum(dense[value] if base is None else delta(value, base) for value, base in enumerate(bases))


def depth_of(value: int, bases: tuple[int | None, ...]) -> int:
    base = bases[value]
    return 1 if base is None else 1 + depth_of(base, bases)


def test_no_values_need_no_bases() -> None:
    assert planned([], on_a_line(), 4) == ()


def test_unrelated_values_are_stored_whole() -> None:
    assert planned([5, 5, 5], lambda *_: 6, 4) == (None, None, None)


def test_siblings_stand_on_the_value_between_them() -> None:
    def star(value: int, base: int) -> float:
        return 1 if 2 in (value, base) else 2

    assert planned([9, 9, 9, 9], star, 2) == (2, 2, None, 2)


def test_neighbours_on_a_line_form_a_chain() -> None:
    bases = planned([100] * 4, on_a_line(3, 0, 2, 1), 4)
    assert total(bases, [100] * 4, on_a_line(3, 0, 2, 1)) == 103


def test_two_families_have_a_root_each() -> None:
    bases = planned([10] * 4, on_a_line(0, 100, 1, 101), 4)
    assert bases.count(None) == 2
    assert total(bases, [10] * 4, on_a_line(0, 100, 1, 101)) == 22


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_chains_are_no_longer_than_the_limit(depth: int) -> None:
    bases = planned([100] * 9, on_a_line(*range(9)), depth)
    assert max(depth_of(value, bases) for value in range(9)) <= depth


@pytest.mark.parametrize("seed", range(8))
def test_a_forest_without_a_limit_is_minimal(seed: int) -> None:
    rng = random.Random(seed)
    count = rng.randint(1, 4)
    dense = [float(rng.randint(1, 30))] * count
    costs = {frozenset(pair): rng.randint(1, 30) for pair in itertools.combinations(range(count), 2)}

    def delta(value: int, base: int) -> float:
        return costs[frozenset((value, base))] if value != base else 0

    def possible() -> list[float]:
        found = []
        for bases in itertools.product([None, *range(count)], repeat=count):
            try:
                if all(base != value and depth_of(value, bases) for value, base in enumerate(bases)):
                    found.append(total(bases, dense, delta))
            except RecursionError:
                continue
        return found

    assert total(planned(dense, delta, count), dense, delta) == min(possible())


def test_a_value_that_stands_on_others_already_counts_their_depth() -> None:
    deltas = np.array([[np.inf, 1], [1, np.inf]])
    assert plan_forest([9, 9], deltas, 3, [1, 1]).count(None) == 1
    assert plan_forest([9, 9], deltas, 3, [3, 3]) == (None, None)
    assert plan_forest([9, 8], deltas, 3, [3, 1]) == (1, None)


def test_a_delta_that_is_none_is_never_taken() -> None:
    assert plan_forest([1, 2], np.full((2, 2), np.inf), 3) == (None, None)
