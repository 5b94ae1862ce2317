"""Histograms as pictures: positions of bars, in the units of the picture."""

from __future__ import annotations

from dataclasses import dataclass

from git_theta.report.difference_histograms import DifferenceHistogram
from git_theta.report.html.cell_text import four_digits, name_text

WIDTH = 244
HEIGHT = 80


@dataclass(frozen=True, slots=True)
class Chart:
    """A histogram.

    Attributes:
        name: Name of the parameter.
        path: The bars, as the data of an SVG path.
        low: Start of the axis.
        high: End of the axis.
        note: Counts of elements that have no bar.
        description: The picture in words, for screen readers.
    """

    name: str
    path: str
    low: str
    high: str
    note: str
    description: str


def chart(found: DifferenceHistogram) -> Chart:
    """A histogram of differences; the highest bar fills the height."""
    width = WIDTH / len(found.counts)
    highest = max(max(found.counts), 1)
    bars = []
    for index, count in enumerate(found.counts):
        if count:
            height = max(0.5, HEIGHT * count / highest)
            bars.append(f"M{index * width:.4g} {HEIGHT}v{-height:.4g}h{width:.4g}v{height:.4g}z")
    outside = found.below + found.above
    notes = [f"{outside:,} beyond"] if outside else []
    notes += [f"{found.same:,} unchanged"] if found.same else []
    inside = sum(found.counts)
    middle = sum(found.counts[len(found.counts) // 4 : -(len(found.counts) // 4)])
    half = f"{100 * middle / inside:.0f}% of them within half of that" if inside else "none of them"
    return Chart(
        name_text(found.name),
        "".join(bars),
        four_digits(-found.reach),
        four_digits(found.reach),
        ", ".join(notes),
        f"{inside:,} differences up to {four_digits(found.reach)} in size, {half}",
    )
