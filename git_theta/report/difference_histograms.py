"""Histograms of differences between new and old elements, for the parameters that changed most."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from git_theta.diff import Pair
from git_theta.errors import ThetaError
from git_theta.report.change import CheckpointChange
from git_theta.report.distance import Distance
from git_theta.report.elements import as_float64, paired_blocks
from git_theta.report.side import ValueReader
from git_theta.runtime.threads import run_all

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: Parameters that get a histogram.
MAX_HISTOGRAMS = 12

#: Bins of a histogram; odd, so that the middle one is around zero.
BINS = 61

#: Reach of the bins in root mean squares of the differences; less if the largest difference is less.
_REACH = 4.0


@dataclass(frozen=True, slots=True)
class DifferenceHistogram:
    """Counts of the differences, new - old, of the elements that differ.

    Elements that aren't finite, before or after, aren't counted. Both parts of a complex number are.

    Attributes:
        name: The parameter's new name.
        reach: The bins have the same width and go from `-reach` to `reach`.
        counts: Differences in each bin.
        below: Differences less than `-reach`.
        above: Differences greater than `reach`.
        same: Elements that don't differ.
    """

    name: str
    reach: float
    counts: tuple[int, ...]
    below: int
    above: int
    same: int


def difference_histograms(
    change: CheckpointChange, threads: int, most: int = MAX_HISTOGRAMS
) -> tuple[DifferenceHistogram, ...]:
    """Histograms of the parameters of the largest relative change, the largest first.

    Parameters that can't be read any more, or have no relative change, are left out.

    Args:
        change: A change with statistics in `measured`.
        threads: How many parameters to read at once.
        most: How many histograms at most.
    """
    old, new = change.old.reader, change.new.reader
    if old is None or new is None:
        return ()
    chosen = _most_changed(change, most)

    def one(item: tuple[Pair, Distance]) -> DifferenceHistogram | None:
        try:
            return _histogram(item[0], item[1], old, new)
        except ThetaError:
            return None

    with ThreadPoolExecutor(max(1, threads)) as pool:
        return tuple(found for found in run_all(pool, one, chosen) if found)


def _most_changed(change: CheckpointChange, most: int) -> list[tuple[Pair, Distance]]:
    known = []
    for pair in change.diff.changed:
        result = change.measured.get(pair[1].name)
        if isinstance(result, Distance) and result.relative and math.isfinite(result.largest):
            known.append((pair, result, result.relative))
    known.sort(key=lambda item: -item[2])
    return [(pair, result) for pair, result, _ in known[:most]]


def _histogram(pair: Pair, sums: Distance, old: ValueReader, new: ValueReader) -> DifferenceHistogram:
    import numpy as np

    before, after = pair
    reach = min(sums.largest, _REACH * math.sqrt(sums.squares / max(1, sums.changed)))
    edges = np.linspace(-reach, reach, BINS + 1)
    counts = np.zeros(BINS, np.int64)
    below = above = 0
    for one, other in paired_blocks(pair, old, new):
        steps = _steps(as_float64(one, before.spec), as_float64(other, after.spec))
        counts += np.histogram(steps, edges)[0]
        below += int(np.count_nonzero(steps < -reach))
        above += int(np.count_nonzero(steps > reach))
    same = sums.count - sums.changed
    return DifferenceHistogram(after.name, reach, tuple(map(int, counts)), below, above, same)


def _steps(old: NDArray[np.float64], new: NDArray[np.float64]) -> NDArray[np.float64]:
    """Finite differences that aren't zero."""
    import numpy as np

    with np.errstate(over="ignore", invalid="ignore"):
        steps = (new - old).ravel()
    found: NDArray[np.float64] = steps[np.isfinite(steps) & (steps != 0)]
    return found
