"""The choice of bases among many values, by estimated costs."""

from __future__ import annotations

import itertools
import random

import pytest

from benchmarks.base_forest import DeltaBytes, plan_forest


def on_a_line(*places: int) -> DeltaBytes:
    """Deltas that cost the distance of two values."""
    return lambda value, base: abs(places[value] - places[base])


def total(bases: tuple[int | None, ...], dense: list[float], delta: DeltaBytes) -> float:
    return sum(dense[value] if base is None else delta(value, base) for value, base in enumerate(bases))


def depth_of(value: int, bases: tuple[int | None, ...]) -> int:
    base = bases[value]
    return 1 if base is None else 1 + depth_of(base, bases)


def test_no_values_need_no_bases() -> None:
    assert plan_forest([], on_a_line(), 4) == ()


def test_unrelated_values_are_stored_whole() -> None:
    assert plan_forest([5, 5, 5], lambda *_: 6, 4) == (None, None, None)


def test_siblings_stand_on_the_value_between_them() -> None:
    def star(value: int, base: int) -> float:
        return 1 if 2 in (value, base) else 2

    assert plan_forest([9, 9, 9, 9], star, 2) == (2, 2, None, 2)


def test_neighbours_on_a_line_form_a_chain() -> None:
    bases = plan_forest([100] * 4, on_a_line(3, 0, 2, 1), 4)
    assert total(bases, [100] * 4, on_a_line(3, 0, 2, 1)) == 103


def test_two_families_have_a_root_each() -> None:
    bases = plan_forest([10] * 4, on_a_line(0, 100, 1, 101), 4)
    assert bases.count(None) == 2
    assert total(bases, [10] * 4, on_a_line(0, 100, 1, 101)) == 22


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_chains_are_no_longer_than_the_limit(depth: int) -> None:
    bases = plan_forest([100] * 9, on_a_line(*range(9)), depth)
    assert max(depth_of(value, bases) for value in range(9)) <= depth


@pytest.mark.parametrize("seed", range(8))
def test_a_forest_without_a_limit_is_minimal(seed: int) -> None:
    rng = random.Random(seed)
    count = rng.randint(1, 4)
    dense = [float(rng.randint(1, 30))] * count
    costs = {frozenset(pair): rng.randint(1, 30) for pair in itertools.combinations(range(count), 2)}

    def delta(value: int, base: int) -> float:
        return costs[frozenset((value, base))]

    def possible() -> list[float]:
        found = []
        for bases in itertools.product([None, *range(count)], repeat=count):
            try:
                if all(base != value and depth_of(value, bases) for value, base in enumerate(bases)):
                    found.append(total(bases, dense, delta))
            except RecursionError:
                continue
        return found

    assert total(plan_forest(dense, delta, count), dense, delta) == min(possible())
