"""Rectangles side by side in one picture of about the shape of a screen."""

from __future__ import annotations

import math
from collections.abc import Sequence

#: Width and height of a rectangle.
Size = tuple[float, float]

#: Width of a picture in proportion to its height.
_ASPECT = 1.6

#: Widths that are tried, in proportion to that of a picture without empty space.
_WIDTHS = (1.0, 1.1, 1.25, 1.4)


def packed(sizes: Sequence[Size], gap: float) -> list[tuple[float, float]]:
    """The upper left corner of each rectangle; no two overlap, and gaps are between them.

    Tall rectangles come first, each as high up as it fits, and there as far left.
    """
    if not sizes:
        return []
    area = sum((width + gap) * (height + gap) for width, height in sizes)
    least = max(width for width, _ in sizes) + gap
    tried = (_placed(sizes, gap, max(least, math.sqrt(area * _ASPECT) * factor)) for factor in _WIDTHS)
    return min(tried, key=lambda corners: _scale(sizes, corners))


def _scale(sizes: Sequence[Size], corners: Sequence[tuple[float, float]]) -> float:
    """How large a screen must be to show all rectangles."""
    width = max(x + size[0] for (x, _), size in zip(corners, sizes, strict=True))
    height = max(y + size[1] for (_, y), size in zip(corners, sizes, strict=True))
    return max(width / _ASPECT, height)


def _placed(sizes: Sequence[Size], gap: float, limit: float) -> list[tuple[float, float]]:
    """The corners in a picture of a width, which every rectangle with its gap fits into."""
    corners: list[tuple[float, float]] = [(0.0, 0.0)] * len(sizes)
    # The lower edge of all that is placed: pieces of x, width and y, from left to right.
    skyline: list[tuple[float, float, float]] = [(0.0, limit, 0.0)]
    for index in sorted(range(len(sizes)), key=lambda each: (-sizes[each][1], -sizes[each][0], each)):
        width, height = sizes[index][0] + gap, sizes[index][1] + gap
        y, x = min(
            (_top(skyline, number, width), piece[0])
            for number, piece in enumerate(skyline)
            if piece[0] + width <= limit + 1e-6
        )
        corners[index] = (x, y)
        skyline = _covered(skyline, x, width, y + height)
    return corners


def _top(skyline: Sequence[tuple[float, float, float]], number: int, width: float) -> float:
    """The highest place where a rectangle of a width fits below a piece of the skyline and those after it."""
    end, top = skyline[number][0] + width, 0.0
    for x, _, y in skyline[number:]:
        if x >= end:
            break
        top = max(top, y)
    return top


def _covered(
    skyline: Sequence[tuple[float, float, float]], x: float, width: float, y: float
) -> list[tuple[float, float, float]]:
    """The skyline below one more rectangle, given its left end, its width and its lower edge."""
    end, found = x + width, []
    for left, length, low in skyline:
        right = left + length
        if left < x:
            found.append((left, min(right, x) - left, low))
        if left <= x < right:
            found.append((x, width, y))
        if right > end:
            found.append((max(left, end), right - max(left, end), low))
    return found
