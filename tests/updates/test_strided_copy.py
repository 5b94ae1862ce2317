from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_theta.errors import CorruptError
from git_theta.updates.strided_copy import Dimension, StridedCopy, parse_copy


@st.composite
def copies(draw: st.DrawFn) -> StridedCopy:
    """Copies of up to four dimensions, in any order on both sides; some repeat elements of the source."""
    sizes = draw(st.lists(st.integers(1, 4), max_size=4))
    steps = []
    for repeats in (True, False):
        extent, found = 1, [0] * len(sizes)
        for at in draw(st.permutations(range(len(sizes)))):
            if not (repeats and draw(st.booleans())):
                found[at] = extent + draw(st.integers(0, 2))
            extent += (sizes[at] - 1) * found[at]
        steps.append(found)
    dimensions = tuple(Dimension(*each) for each in zip(sizes, *steps, strict=True))
    return StridedCopy(draw(st.integers(0, 4)), draw(st.integers(0, 4)), dimensions)


def places(copy: StridedCopy) -> list[tuple[int, int]]:
    """The positions of each element in source and value."""
    found = []
    for indices in product(*(range(dimension.size) for dimension in copy.dimensions)):
        sides = zip(indices, copy.dimensions, strict=True)
        offsets = [(index * each.source_step, index * each.target_step) for index, each in sides]
        found.append(
            (copy.source + sum(one for one, _ in offsets), copy.target + sum(two for _, two in offsets))
        )
    return found


@given(copies(), st.integers(0, 60), st.integers(0, 60))
def test_parts_are_the_elements_in_a_range(copy: StridedCopy, start: int, length: int) -> None:
    end = start + length
    for side, parts in ((0, copy.within_source(start, end)), (1, copy.within_target(start, end))):
        found = list(parts)
        expected = sorted(place for place in places(copy) if start <= place[side] < end)
        assert sorted(place for part in found for place in places(part)) == expected
        assert len(found) <= 2 * len(copy.dimensions) + 1


@given(copies())
def test_ends_are_after_the_last_elements(copy: StridedCopy) -> None:
    assert copy.source_end == 1 + max(source for source, _ in places(copy))
    assert copy.target_end == 1 + max(target for _, target in places(copy))
    assert copy.count == len(places(copy)) == len({target for _, target in places(copy)})


@given(copies())
def test_a_copy_comes_back_from_a_header(copy: StridedCopy) -> None:
    assert parse_copy(copy.field(), copy.source_end, copy.target_end) == copy
    for source, target in ((copy.source_end - 1, 10_000), (10_000, copy.target_end - 1)):
        with pytest.raises(CorruptError):
            parse_copy(copy.field(), source, target)


@pytest.mark.parametrize(
    "numbers",
    [
        None,
        [],
        [0],
        [0, 0, 2],
        [0, -1, 2, 1, 1],
        [0, 0, 0, 1, 1],
        [0, 0, 2, 1, 0],
        [0, 0, 2.0, 1, 1],
        [0, 0, True, 1, 1],
        [0, 0, 1 << 60, 1, 1],
        [0, 0, 3, 1, 1, 3, 2, 3],
        [0, 0, 3, 3, 2, 3, 1, 1],
        [0, 0, *[1, 1, 1] * 7],
    ],
)
def test_made_up_copies_are_refused(numbers: object) -> None:
    with pytest.raises(CorruptError):
        parse_copy(numbers, 1000, 1000)
