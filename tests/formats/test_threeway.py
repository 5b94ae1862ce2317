"""The rule of three-way merges, and the order of merged keys."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from git_theta.formats.threeway import ThreeWay, merged_order


@given(st.lists(st.integers(0, 9), unique=True), st.lists(st.integers(0, 9), unique=True))
def test_an_order_has_all_keys_once_and_keeps_the_first(ours: list[int], theirs: list[int]) -> None:
    found = merged_order(ours, theirs)
    assert sorted(found) == sorted({*ours, *theirs})
    assert [key for key in found if key in ours] == ours


def test_added_keys_follow_the_same_key_as_on_their_side() -> None:
    assert merged_order("axb", "ayzb") == ["a", "x", "y", "z", "b"]
    assert merged_order("ab", "yabz") == ["y", "a", "b", "z"]


@given(st.integers(0, 2), st.lists(st.integers(0, 2), min_size=2, max_size=3))
def test_the_rule(base: int, values: list[int]) -> None:
    rule = ThreeWay(lambda _name: None)
    chosen = values[rule.choose("x", base, values)]
    changed = {value for value in values if value != base}
    assert bool(rule.conflicts) == (len(changed) > 1)
    if not rule.conflicts:
        assert chosen == next(iter(changed), base)
