"""Arcee Fusion: take from theirs only the elements that stand out, by size and by their row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from git_theta.strategies.base import Case
from git_theta.strategies.lazy_array import LazyArray, where, whole
from git_theta.strategies.options import NoOptions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: Elements whose distributions are compared at once.
PIECE = 1 << 20

#: Added to each probability, so that none is 0.
TINY = 1e-8


class ArceeFusion:
    """Theirs where a change's importance is at least the median plus 1.5 quartile ranges, else ours.

    From mergekit, by Arcee.
    """

    name = "arcee-fusion"
    options = NoOptions
    needs_base = False
    most: int | None = 2

    def merge(self, case: Case, options: NoOptions) -> LazyArray:
        """The merged numbers."""
        ours, theirs = case.models
        if ours.count == 0:
            return ours
        # In place: the arrays are ours, and may be larger than memory.
        old, importance = ours.array(), theirs.array()
        _weigh(importance, old)
        old[...] = importance
        return where(whole(importance, ours) >= _threshold(old.reshape(-1)), theirs, ours)


def _weigh(theirs: NDArray[np.float64], ours: NDArray[np.float64]) -> None:
    """Write the importance of each element over `theirs`.

    It's the size of the change, times how much the row diverges: both rows are read as logits of softmax.
    """
    import numpy as np

    width = ours.shape[-1] if ours.ndim else 1
    old, new = ours.reshape(-1, width), theirs.reshape(-1, width)
    step = max(1, PIECE // width)
    with np.errstate(all="ignore"):
        for start in range(0, len(old), step):
            rows = slice(start, start + step)
            p, q = _softmax(new[rows]) + TINY, _softmax(old[rows]) + TINY
            divergence = (p * np.log(p / q)).sum(axis=-1, keepdims=True)
            new[rows] = abs(new[rows] - old[rows]) * divergence


def _softmax(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    import numpy as np

    powers = np.exp(rows - rows.max(axis=-1, keepdims=True))
    result: NDArray[np.float64] = powers / powers.sum(axis=-1, keepdims=True)
    return result


def _threshold(importance: NDArray[np.float64]) -> float:
    """The median plus 1.5 times the range between the quartiles; puts the array into another order."""
    import numpy as np

    places = [int(share * (importance.size - 1)) for share in (0.25, 0.5, 0.75)]
    importance.partition(places)
    low, median, high = importance[places]
    with np.errstate(all="ignore"):
        return float(median + 1.5 * (high - low))
