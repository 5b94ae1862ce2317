"""Rectangles in one picture."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from git_theta.lineage.drawing.packing import packed

_LENGTH = st.integers(1, 500)


@given(st.lists(st.tuples(_LENGTH, _LENGTH), max_size=15))
def test_no_two_overlap(sizes: list[tuple[int, int]]) -> None:
    corners = packed(sizes, 10)
    assert len(corners) == len(sizes)
    assert all(x >= 0 and y >= 0 for x, y in corners)
    for ((x, y), (width, height)), ((x2, y2), (width2, height2)) in combinations(
        zip(corners, sizes, strict=True), 2
    ):
        is_beside = x + width + 10 <= x2 + 1e-6 or x2 + width2 + 10 <= x + 1e-6
        is_below = y + height + 10 <= y2 + 1e-6 or y2 + height2 + 10 <= y + 1e-6
        assert is_beside or is_below


def test_small_ones_fill_the_space_beside_large_ones() -> None:
    sizes = [(400, 1000), *[(300, 90)] * 30]
    corners = packed(sizes, 10)
    height = max(y + size[1] for (_, y), size in zip(corners, sizes, strict=True))
    width = max(x + size[0] for (x, _), size in zip(corners, sizes, strict=True))
    assert height <= 1200
    assert width * height < 1.4 * sum((width + 10) * (height + 10) for width, height in sizes)
