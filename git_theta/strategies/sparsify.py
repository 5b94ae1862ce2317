"""Ways to drop most elements of a task vector, the change of a model to the merge base."""

from __future__ import annotations

from typing import TYPE_CHECKING

from git_theta.errors import UsageError
from git_theta.strategies.lazy_array import LazyArray, from_array, uniform, where

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: Elements whose ranks are computed at once.
_RANKED_AT_ONCE = 1 << 20


def trim(delta: LazyArray, density: float, *, rescale: bool = False) -> LazyArray:
    """Keep the share `density` of the elements with the largest absolute values, at least one element.

    Args:
        delta: A task vector.
        density: The share to keep; 1 or more keeps all.
        rescale: Whether to scale the rest so that the sum of absolute values stays.
    """
    if density >= 1:
        return delta
    if density <= 0:
        return zeros_like(delta)
    kept = min(delta.count, max(1, int(density * delta.count)))
    return _masked(delta, abs(delta).top_k(kept), rescale)


def drop_both_ends(delta: LazyArray, density: float, gamma: float, *, rescale: bool = False) -> LazyArray:
    """Keep the share `density` of the elements, but not the share `gamma` with the largest absolute values.

    If `density` and `gamma` are more than 1 together, fewer than `gamma` are dropped at the top and none at
    the bottom.

    Args:
        delta: A task vector.
        density: The share to keep; 1 or more keeps all.
        gamma: The share of outliers to drop.
        rescale: As for `trim`.
    """
    if density >= 1:
        return delta
    kept = max(0, int(density * delta.count))
    outliers = min(max(0, int(gamma * delta.count)), delta.count - kept)
    size = abs(delta)
    return _masked(delta, size.top_k(outliers + kept) & ~size.top_k(outliers), rescale)


def drop(delta: LazyArray, density: float, seed: int, *, rescale: bool = True) -> LazyArray:
    """Keep each element with the probability `density`, independently of the others.

    Args:
        delta: A task vector.
        density: The probability to keep an element; 1 or more keeps all.
        seed: Seed of the random numbers, as from `seed_for`.
        rescale: Whether to divide the rest by `density`, so that the expectation stays.
    """
    if density >= 1:
        return delta
    if density <= 0:
        return zeros_like(delta)
    kept = where(uniform(delta, seed) < density, delta, 0.0)
    return kept / density if rescale else kept


def drop_by_rank(
    delta: LazyArray, density: float, epsilon: float, seed: int, *, rescale: bool = True
) -> LazyArray:
    """As `drop`, with a higher probability for larger absolute values of a row, by their rank.

    Args:
        delta: A task vector.
        density: The mean probability to keep an element; 1 or more keeps all.
        epsilon: How much higher the probability of the largest of a row is, and lower that of the smallest.
        seed: Seed of the random numbers, as from `seed_for`.
        rescale: Whether to divide each element by its own probability, so that the expectation stays.

    Raises:
        UsageError: A probability would be outside of 0 to 1.
    """
    if density >= 1 or delta.count == 0:
        return delta
    if density <= 0:
        return zeros_like(delta)
    if epsilon < 0 or density - epsilon <= 0 or density + epsilon >= 1:
        raise UsageError(
            f"density {density:g} plus or minus epsilon {epsilon:g} must be between 0 and 1",
            "Set a smaller epsilon.",
        )
    probabilities = from_array(_probabilities(abs(delta).array(), density, epsilon), delta)
    kept = where(uniform(delta, seed) < probabilities, delta, 0.0)
    return kept / probabilities if rescale else kept


def seed_for(seed: int, name: str, index: int) -> int:
    """A 64-bit seed for the parameter `name` of the model `index`, so that no two share random numbers."""
    from blake3 import blake3

    return int.from_bytes(blake3(f"{seed}\n{index}\n{name}".encode()).digest()[:8], "little")


def zeros_like(array: LazyArray) -> LazyArray:
    """Zeros of the same shape, also where `array` isn't finite."""
    return where(array < float("-inf"), array, 0.0)


def _masked(delta: LazyArray, mask: LazyArray, rescale: bool) -> LazyArray:
    kept = where(mask, delta, 0.0)
    if not rescale:
        return kept
    before, after = abs(delta).sum(), abs(kept).sum()
    return kept * (before / after) if before > 0 and after > 0 else kept


def _probabilities(size: NDArray[np.float64], density: float, epsilon: float) -> NDArray[np.float64]:
    """The probability to keep each element, by the rank of its absolute value in its row; of the same shape.

    A row has all elements with the same first index, from which one output is computed; a vector is one row.
    The result is written over `size`, which may be larger than memory.
    """
    import numpy as np

    rows = size.reshape(len(size), -1) if size.ndim > 1 else size.reshape(1, -1)
    width = rows.shape[1]
    ramp = np.linspace(density - epsilon, density + epsilon, width) if width > 1 else np.full(1, density)
    step = max(1, _RANKED_AT_ONCE // width)
    for start in range(0, len(rows), step):
        order = rows[start : start + step].argsort(axis=1, kind="stable")
        np.put_along_axis(rows[start : start + step], order, np.broadcast_to(ramp, order.shape), axis=1)
    return rows.reshape(size.shape)
