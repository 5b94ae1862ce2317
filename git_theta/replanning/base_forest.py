"""The base forest: which of many values are stored whole, and the base of each other one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: The number of values that are tried as the first root: those nearest to the others.
_TRIED_ROOTS = 16


def plan_forest(
    whole: Sequence[float], deltas: NDArray[np.float64], depth: int, whole_depths: Sequence[int] = ()
) -> tuple[int | None, ...]:
    """The base of each value by its place; `None` for one that stands alone.

    Trees grow from a root by the cheapest delta or lone value at each step, as in Prim's algorithm, in chains
    of at most `depth` updates. Without that limit the forest is minimal where a delta costs the same in both
    directions; with it, several roots are tried, and the cheapest forest wins. Bases form no circle.

    Args:
        whole: Bytes of each value that stands alone.
        deltas: Bytes of deltas [value, base]; infinite where there's none.
        depth: Number of updates in a chain at most, the lone value's own ones included.
        whole_depths: Number of updates of each value that stands alone; 1 for all when empty.
    """
    count = len(whole)
    if not count:
        return ()
    costs = np.asarray(whole, np.float64)
    depths = np.asarray(whole_depths or [1] * count)
    # A delta that is dearer than the lone value is never taken.
    as_root = np.minimum(deltas, costs[:, None]).sum(axis=0) + costs
    roots = np.argsort(as_root, kind="stable")[:_TRIED_ROOTS].tolist()
    forests = [_grown(root, costs, deltas, depth, depths) for root in roots]
    return min(forests, key=lambda pair: pair[0])[1]


def _grown(
    root: int,
    whole: NDArray[np.float64],
    deltas: NDArray[np.float64],
    depth: int,
    whole_depths: NDArray[np.integer],
) -> tuple[float, tuple[int | None, ...]]:
    """The bytes of the forest that grows from a root, and the base of each value."""
    count = len(whole)
    best = whole.copy()
    bases = np.full(count, -1)
    depths = np.zeros(count, int)
    planned = np.zeros(count, bool)
    total, new = 0.0, root
    best[root] = whole[root]
    while True:
        total += float(best[new])
        planned[new] = True
        depths[new] = whole_depths[new] if bases[new] < 0 else depths[bases[new]] + 1
        if planned.all():
            return total, tuple(None if base < 0 else base for base in bases.tolist())
        if depths[new] < depth:
            nearer = ~planned & (deltas[:, new] < best)
            best[nearer] = deltas[nearer, new]
            bases[nearer] = new
        new = int(np.argmin(np.where(planned, np.inf, best)))
