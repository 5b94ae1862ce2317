"""One line of the report: samples of both tools, the figure computed from them, and the target."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Row:
    """A measurement.

    Attributes:
        name: What was measured.
        unit: Of the samples: `s`, `MB`, `of file`, `processes`.
        theta: One sample per repetition.
        lfs: The same for Git LFS, sample by sample from the same moment; empty if it wasn't measured.
        limit: The figure should be at most this; `None` where there is no target.
        relative: The figure is the median of the ratios theta / lfs, not the median of theta.
    """

    name: str
    unit: str
    theta: tuple[float, ...]
    lfs: tuple[float, ...] = ()
    limit: float | None = None
    relative: bool = False

    @property
    def figure(self) -> float:
        """The figure that is compared with the limit."""
        return self.ratio if self.relative else statistics.median(self.theta)

    @property
    def ratio(self) -> float:
        """The median of the ratios of neighbouring samples; NaN without Git LFS."""
        ratios = [ours / theirs for ours, theirs in zip(self.theta, self.lfs, strict=True) if theirs]
        return statistics.median(ratios) if ratios else float("nan")

    @property
    def met(self) -> bool | None:
        """Whether the figure is within the limit; `None` without one."""
        return None if self.limit is None else self.figure <= self.limit

    def to_json(self) -> dict[str, Any]:
        """The row with all its samples."""
        return {
            "name": self.name,
            "unit": self.unit,
            "theta": list(self.theta),
            "lfs": list(self.lfs),
            "ratio": self.ratio if self.lfs else None,
            "figure": self.figure,
            "limit": self.limit,
            "relative": self.relative,
            "met": self.met,
        }
