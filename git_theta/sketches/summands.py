"""Summands: stored values of which a new one is probably a weighted sum, such as the models of an average.

A sum of two models is about as far from each as from their base, so it isn't found as an update of one. But
its sampled elements are the same sum of theirs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from git_theta.updates.ordered import ordered

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from git_theta.sketches.sketch import Keys

    Numbers = NDArray[np.float64]

#: The number of values in a sum.
MOST_SUMMANDS = 4

#: The fewest samples by which sums are told, for each value that is tried.
_SAMPLES_FOR_EACH = 8

#: A sum must be nearer to the value than the nearest stored one, by the square of the distance.
_NEARER = 0.5

#: Smaller weights are taken for none.
_NOTHING = 0.03


def find_summands(new: Keys, stored: Keys) -> list[int]:
    """The stored values that make up a sum, by their indices; none if no sum is much nearer than one of them.

    Args:
        new: uint32, flat: samples of the new value, as in `Sketch`.
        stored: uint32 [number of values, number of samples]: those of stored values, the nearest first.
    """
    import numpy as np

    stored = stored[: len(new) // _SAMPLES_FOR_EACH]
    if len(stored) < 2:
        return []
    wanted, parts = _numbers(new), _numbers(stored)
    if not (np.isfinite(wanted).all() and np.isfinite(parts).all()):
        return []
    distances = ((parts - wanted) ** 2).sum(axis=1)
    chosen = list(range(len(parts)))
    while True:
        weights = _weights(wanted, parts[chosen])
        left = float(((weights @ parts[chosen] - wanted) ** 2).sum())
        if left > _NEARER * distances.min():
            return []
        kept = _largest(weights)
        if len(kept) < 2:
            return []
        if len(kept) == len(chosen):
            return chosen
        chosen = [chosen[at] for at in kept]


def _largest(weights: Numbers) -> list[int]:
    """Indices of the weights that aren't nearly zero, in their order, and no more than a sum may have."""
    import numpy as np

    order = np.argsort(-np.abs(weights), kind="stable")[:MOST_SUMMANDS]
    return sorted(at for at in order.tolist() if abs(weights[at]) >= _NOTHING)


def _weights(wanted: Numbers, parts: Numbers) -> Numbers:
    """The weights of parts whose sum comes the nearest; they add up to one unless others are much nearer."""
    import numpy as np

    moves, *_ = np.linalg.lstsq((parts[1:] - parts[0]).T, wanted - parts[0], rcond=None)
    affine: Numbers = np.insert(moves, 0, 1 - moves.sum())
    free, *_ = np.linalg.lstsq(parts.T, wanted, rcond=None)
    left = [float(((weights @ parts - wanted) ** 2).sum()) for weights in (affine, free)]
    return (free if 2 * left[1] < left[0] else affine).astype(np.float64, copy=False)


def _numbers(keys: Keys) -> Numbers:
    """The sampled elements."""
    import numpy as np

    # The mapping to ordered integers is its own inverse.
    words = ordered(np.ascontiguousarray(keys, np.uint32))
    return words.view(np.float32).astype(np.float64)
