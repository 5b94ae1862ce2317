"""The rule of three-way merges: its whole truth table, and its laws."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_theta.model.three_way import trivial_merge

#: base, ours, theirs → merged; `!` is a conflict. `None` stands for a value that isn't there.
TRUTH = [
    (None, None, None, None),
    ("a", "a", "a", "a"),
    ("a", "b", "a", "b"),
    ("a", "a", "b", "b"),
    ("a", "b", "b", "b"),
    ("a", "b", "c", "!"),
    (None, "a", None, "a"),
    (None, None, "a", "a"),
    (None, "a", "a", "a"),
    (None, "a", "b", "!"),
    ("a", None, "a", None),
    ("a", "a", None, None),
    ("a", None, None, None),
    ("a", None, "b", "!"),
    ("a", "b", None, "!"),
]

values = st.integers(0, 3)
sides_of_a_merge = st.lists(values, min_size=1, max_size=5)


def merged(base: object, *sides: object) -> object:
    found = trivial_merge(base, sides)
    return "!" if found is None else sides[found]


@pytest.mark.parametrize(("base", "ours", "theirs", "expected"), TRUTH)
def test_the_truth_table(
    base: str | None, ours: str | None, theirs: str | None, expected: str | None
) -> None:
    assert merged(base, ours, theirs) == expected


def test_the_truth_table_is_complete() -> None:
    """Every way in which three values can be equal or absent, up to their names."""
    names = (None, "a", "b", "c")
    patterns = {_pattern((x, y, z)) for x in names for y in names for z in names}
    assert {_pattern(row[:3]) for row in TRUTH} == patterns


def _pattern(row: tuple[str | None, ...]) -> tuple[int | None, ...]:
    names: dict[str, int] = {}
    return tuple(None if value is None else names.setdefault(value, len(names)) for value in row)


def test_the_first_of_equal_changes_stands() -> None:
    assert trivial_merge("a", ["a", "b", "a", "b"]) == 1
    assert trivial_merge("a", ["a", "a"]) == 0


@given(values, sides_of_a_merge)
def test_the_order_of_sides_does_not_matter(base: int, sides: list[int]) -> None:
    assert len({merged(base, *order) for order in permutations(sides)}) == 1


@given(values, sides_of_a_merge)
def test_a_side_that_changed_nothing_changes_nothing(base: int, sides: list[int]) -> None:
    assert merged(base, *sides, base) == merged(base, *sides)
