"""Values through history as a line, in SVG."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby

from git_theta.evaluation.comparison import number
from git_theta.runtime.output import visible

#: Size of a chart, and its margins, in pixels.
WIDTH, HEIGHT = 720, 180
_LEFT, _RIGHT, _TOP, _BOTTOM = 80, 16, 16, 16


@dataclass(frozen=True, slots=True)
class ChartPoint:
    """A version in a chart.

    Attributes:
        value: Its value, which is finite; `None` for a version without one.
        note: Words about it, shown by its point.
    """

    value: float | None
    note: str


def line_chart(title: str, points: Sequence[ChartPoint]) -> str:
    """An SVG element: the oldest version is on the left; a missing value is a gap in the line.

    Args:
        title: The chart in words, for screen readers.
        points: The versions, the oldest first.
    """
    values = [point.value for point in points if point.value is not None]
    low, high = (min(values), max(values)) if values else (0.0, 0.0)
    places = [_place(index, point.value, len(points), low, high) for index, point in enumerate(points)]
    lines = "".join(_lines(places))
    dots = "".join(
        f'<circle cx="{place[0]:.1f}" cy="{place[1]:.1f}" r="3"><title>{_text(point.note)}</title></circle>'
        for point, place in zip(points, places, strict=True)
        if place
    )
    labels = "".join(
        f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        f'<text x="{_LEFT - 8}" y="{y + 4:.1f}">{number(value)}</text>'
        for value in dict.fromkeys((low, high) if values else ())
        for y in [_y(value, low, high)]
    )
    head = f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img"><title>{_text(title)}</title>'
    return f"{head}{labels}{lines}{dots}</svg>"


def _lines(places: Sequence[tuple[float, float] | None]) -> Iterator[str]:
    """A line through each stretch of places without a gap."""
    for is_there, stretch in groupby(places, key=lambda place: place is not None):
        corners = " ".join(f"{place[0]:.1f},{place[1]:.1f}" for place in stretch if place)
        if is_there:
            yield f'<polyline points="{corners}"/>'


def _place(
    index: int, value: float | None, count: int, low: float, high: float
) -> tuple[float, float] | None:
    if value is None:
        return None
    x = _LEFT + (WIDTH - _LEFT - _RIGHT) * (index / (count - 1) if count > 1 else 0.5)
    return x, _y(value, low, high)


def _y(value: float, low: float, high: float) -> float:
    # The halves of huge values keep their difference finite.
    share = (value / 2 - low / 2) / (high / 2 - low / 2) if low != high else 0.5
    return HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * share


def _text(text: str) -> str:
    return escape(visible(text))
