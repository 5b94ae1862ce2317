from __future__ import annotations

from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from git_theta.model.name_pairs import pair_by_end

Names = list[tuple[str, ...]]

NAMES = st.lists(st.text("ab", max_size=4).map(tuple), max_size=7)


def by_trying_all(left: Names, right: Names, least: int) -> list[tuple[int, int]]:
    """The pairs of all candidates, the most alike first."""

    def shared(pair: tuple[int, int]) -> int:
        one, other = left[pair[0]][::-1], right[pair[1]][::-1]
        return next((i for i, (a, b) in enumerate(zip(one, other)) if a != b), min(len(one), len(other)))  # noqa: B905

    found: dict[int, int] = {}
    for at, other in sorted(product(range(len(left)), range(len(right))), key=lambda pair: -shared(pair)):
        if at not in found and other not in found.values() and shared((at, other)) >= least:
            found[at] = other
    return sorted(found.items())


@given(NAMES, NAMES, st.integers(0, 2))
def test_the_most_alike_are_paired_first(left: Names, right: Names, least: int) -> None:
    assert pair_by_end(left, right, least) == by_trying_all(left, right, least)


def test_texts_are_compared_by_characters() -> None:
    assert pair_by_end(["b.weight", "a.weight"], ["model.a.weight", "model.b.weight"]) == [(0, 1), (1, 0)]


def test_names_of_very_many_parts_take_time_in_proportion_to_them() -> None:
    old = [["a"] * 20_000 + [str(index)] for index in range(60)]
    new = [["b"] * 20_000 + [str(index)] for index in range(60)]
    assert pair_by_end(old, new, least=1) == [(index, index) for index in range(60)]
