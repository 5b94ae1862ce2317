"""Arcee Fusion: take from theirs only the elements that stand out, by size and by their row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from git_theta.strategies.base import Case, Strategy
from git_theta.strategies.lazy_array import LazyArray, from_array, where
from git_theta.strategies.options import NoOptions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: Elements of rows whose softmax is computed at once.
_COMPARED_AT_ONCE = 1 << 20

#: A small probability that is added to each, so that none is 0.
_SMALL = 1e-8


class ArceeFusion(Strategy):
    """Theirs where a change's importance is at least the median plus 1.5 quartile ranges, else ours.

    From mergekit, by Arcee, https://github.com/arcee-ai/mergekit.
    """

    name = "arcee-fusion"
    max_models = 2

    def merge(self, case: Case, options: NoOptions) -> LazyArray:
        """Elements of theirs with a high importance, and elements of ours."""
        ours, theirs = case.models
        if ours.count == 0:
            return ours
        # In place: both arrays are new, and may be larger than memory.
        old, importance = ours.array(), theirs.array()
        _to_importance(importance, old)
        old[...] = importance
        return where(from_array(importance, ours) >= _threshold(old.reshape(-1)), theirs, ours)


def _to_importance(theirs: NDArray[np.float64], ours: NDArray[np.float64]) -> None:
    """Write the importance of each element over `theirs`.

    It's the size of the change, times the Kullback-Leibler divergence of its row: rows are read as logits of
    a softmax.

    Args:
        theirs: Values of any shape; a row is along the last axis.
        ours: Values of the same shape.
    """
    import numpy as np

    width = ours.shape[-1] if ours.ndim else 1
    old, new = ours.reshape(-1, width), theirs.reshape(-1, width)
    step = max(1, _COMPARED_AT_ONCE // width)
    with np.errstate(all="ignore"):
        for start in range(0, len(old), step):
            rows = slice(start, start + step)
            p, q = _softmax(new[rows]) + _SMALL, _softmax(old[rows]) + _SMALL
            divergence = (p * np.log(p / q)).sum(axis=-1, keepdims=True)
            new[rows] = abs(new[rows] - old[rows]) * divergence


def _softmax(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Softmax along the last axis."""
    import numpy as np

    powers = np.exp(rows - rows.max(axis=-1, keepdims=True))
    result: NDArray[np.float64] = powers / powers.sum(axis=-1, keepdims=True)
    return result


def _threshold(importance: NDArray[np.float64]) -> float:
    """The median plus 1.5 times the range between the quartiles of a flat array; reorders the array."""
    import numpy as np

    places = [int(share * (importance.size - 1)) for share in (0.25, 0.5, 0.75)]
    importance.partition(places)
    low, median, high = importance[places]
    with np.errstate(all="ignore"):
        return float(median + 1.5 * (high - low))
