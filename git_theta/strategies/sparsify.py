"""Ways to drop most of a task vector: the change that a model made to the merge base."""

from __future__ import annotations

from typing import TYPE_CHECKING

from git_theta.strategies.lazy_array import LazyArray, uniform, where, whole

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: Elements whose ranks are computed at once.
PIECE = 1 << 20


def trim(delta: LazyArray, density: float, *, rescale: bool = False) -> LazyArray:
    """The share `density` of the elements that changed most, at least one; the others become zero.

    Args:
        delta: A task vector.
        density: The share to keep; 1 or more keeps all.
        rescale: Whether to scale what's kept so that the sum of absolute values stays.
    """
    if density >= 1:
        return delta
    if density <= 0:
        return nothing(delta)
    kept = min(delta.count, max(1, int(density * delta.count)))
    return _masked(delta, abs(delta).top(kept), rescale)


def middle(delta: LazyArray, density: float, gamma: float, *, rescale: bool = False) -> LazyArray:
    """The share `density` of the elements, without the share `gamma` that changed most.

    Where both can't be had, fewer than `gamma` are left out at the top and none at the bottom.

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
    return _masked(delta, size.top(outliers + kept) & ~size.top(outliers), rescale)


def drop(delta: LazyArray, density: float, seed: int, *, rescale: bool = True) -> LazyArray:
    """Each element with probability `density`, independently; the others become zero.

    Args:
        delta: A task vector.
        density: The probability to keep an element; 1 or more keeps all.
        seed: Of the random numbers; see `seed_for`.
        rescale: Whether to divide what's kept by `density`, so that the expectation stays.
    """
    if density >= 1:
        return delta
    if density <= 0:
        return nothing(delta)
    kept = where(uniform(delta, seed) < density, delta, 0.0)
    return kept / density if rescale else kept


def drop_by_rank(
    delta: LazyArray, density: float, epsilon: float, seed: int, *, rescale: bool = True
) -> LazyArray:
    """As `drop`, but larger changes of a row are more likely to stay than smaller ones.

    Args:
        delta: A task vector.
        density: The mean probability to keep an element; 1 or more keeps all.
        epsilon: How much the largest of a row is more likely to stay, and the smallest less.
        seed: Of the random numbers; see `seed_for`.
        rescale: Whether to divide what's kept by its own probability, so that the expectation stays.

    Raises:
        UsageError: A probability would be outside of 0 to 1.
    """
    from git_theta.errors import UsageError

    if density >= 1 or delta.count == 0:
        return delta
    if density <= 0:
        return nothing(delta)
    if epsilon < 0 or density - epsilon <= 0 or density + epsilon >= 1:
        raise UsageError(
            f"density {density:g} plus or minus epsilon {epsilon:g} must be between 0 and 1",
            "Set a smaller epsilon.",
        )
    chances = whole(_chances(abs(delta).array(), density, epsilon), delta)
    kept = where(uniform(delta, seed) < chances, delta, 0.0)
    return kept / chances if rescale else kept


def seed_for(seed: int, name: str, index: int) -> int:
    """64 bits that differ for each parameter and model, so that no two share their random numbers."""
    from blake3 import blake3

    return int.from_bytes(blake3(f"{seed}\n{index}\n{name}".encode()).digest()[:8], "little")


def nothing(like: LazyArray) -> LazyArray:
    """Zeros; also where `like` isn't finite."""
    return where(like < float("-inf"), like, 0.0)


def _masked(delta: LazyArray, mask: LazyArray, rescale: bool) -> LazyArray:
    kept = where(mask, delta, 0.0)
    if not rescale:
        return kept
    before, after = abs(delta).total(), abs(kept).total()
    return kept * (before / after) if before > 0 and after > 0 else kept


def _chances(size: NDArray[np.float64], density: float, epsilon: float) -> NDArray[np.float64]:
    """The probability to keep each element, by its rank in its row: what one output is computed from.

    It's written over the sizes, which may be more than fit in memory.
    """
    import numpy as np

    rows = size.reshape(len(size), -1) if size.ndim > 1 else size.reshape(1, -1)
    width = rows.shape[1]
    ramp = np.linspace(density - epsilon, density + epsilon, width) if width > 1 else np.full(1, density)
    step = max(1, PIECE // width)
    for start in range(0, len(rows), step):
        order = rows[start : start + step].argsort(axis=1, kind="stable")
        np.put_along_axis(rows[start : start + step], order, np.broadcast_to(ramp, order.shape), axis=1)
    return rows.reshape(size.shape)
