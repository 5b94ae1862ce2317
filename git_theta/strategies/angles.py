"""Lengths of vectors and the angles between them: all that spherical methods need to know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from git_theta.strategies.lazy_array import LazyArray

#: Below this, the length of a mean of unit vectors is rounding, since it's the root of a sum that cancels.
CANCELLED = 1e-6


@dataclass(frozen=True, slots=True)
class Angles:
    """Of n vectors.

    Attributes:
        norms: Their lengths; shape (n,) or, for vectors that are rows or columns of arrays, (n, ...).
        cosines: Of the angle between each two; (n, n) or (n, n, ...); 0 where one is the zero vector.
    """

    norms: NDArray[np.float64]
    cosines: NDArray[np.float64]


def angles(vectors: Sequence[LazyArray]) -> Angles:
    """Each parameter is one vector."""
    import numpy as np

    norms = np.array([vector.norm() for vector in vectors])
    dots = np.diag(norms * norms)
    for i, one in enumerate(vectors):
        for j, other in enumerate(vectors[:i]):
            dots[i, j] = dots[j, i] = one.dot(other)
    return Angles(norms, _cosines(norms, dots))


def angles_along(axis: int, vectors: Sequence[NDArray[np.float64]]) -> Angles:
    """All elements of a parameter that differ only in their place on an axis are one vector."""
    import numpy as np

    lanes = [np.moveaxis(np.atleast_1d(vector), axis, -1) for vector in vectors]
    with np.errstate(all="ignore"):
        dots = np.array([[np.einsum("...i,...i", one, other) for other in lanes] for one in lanes])
        norms = np.sqrt(np.einsum("ii...->i...", dots))
    return Angles(norms, _cosines(norms, dots))


def arc(cosine: Any, straight: Any, t: float) -> tuple[Any, Any]:
    """What to multiply two vectors by to be the share `t` of the way from the first to the second.

    Args:
        cosine: Of the angle between them.
        straight: Whether to go in a straight line, not along the arc.
        t: From 0 to 1; others extrapolate.
    """
    import numpy as np

    with np.errstate(all="ignore"):
        angle = np.arccos(np.where(straight, 0.0, cosine))
        first = np.where(straight, 1 - t, np.sin((1 - t) * angle) / np.sin(angle))
        second = np.where(straight, t, np.sin(t * angle) / np.sin(angle))
    return first, second


def mean_direction(found: Angles, shares: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Coefficients of the unit vectors that give the unit vector of their weighted mean, shape (n,).

    `None` if the mean is zero, so that it has no direction.
    """
    import numpy as np

    with np.errstate(all="ignore"):
        length = np.sqrt(np.maximum(shares @ found.cosines @ shares, 0.0))
        return None if length < CANCELLED else shares / length


def karcher_mean(
    found: Angles, shares: NDArray[np.float64], max_iter: int, tol: float
) -> NDArray[np.float64]:
    """Coefficients of the unit vectors that give their Karcher mean on the sphere, shape (n,).

    It's found in steps: the mean of the directions from the last estimate to all vectors, along the arcs, is
    where to go next. All of it happens in the span of the vectors, so their angles are enough.

    Args:
        found: The angles, of vectors that aren't zero.
        shares: A weight for each; they sum to 1.
        max_iter: The most steps.
        tol: An angle, in radians, that counts as none.
    """
    import numpy as np

    start = mean_direction(found, shares)
    at: NDArray[np.float64] = np.eye(len(shares))[0] if start is None else start
    with np.errstate(all="ignore"):
        for _ in range(max_iter):
            cosines = np.clip(found.cosines @ at, -1.0, 1.0)
            angle, sine = np.arccos(cosines), np.sqrt(1 - cosines * cosines)
            # From a vector to its opposite, no direction is the shortest.
            pull = np.where((angle < tol) | (sine < CANCELLED), 0.0, shares * angle / sine)
            step = pull - (pull @ cosines) * at
            size = np.sqrt(np.maximum(step @ found.cosines @ step, 0.0))
            if size < tol:
                break
            at = np.cos(size) * at + np.sin(size) / size * step
            at = at / np.sqrt(at @ found.cosines @ at)
    return at


def _cosines(norms: NDArray[np.float64], dots: NDArray[np.float64]) -> NDArray[np.float64]:
    import numpy as np

    with np.errstate(all="ignore"):
        products = norms[:, None] * norms[None, :]
        return np.where(products == 0, 0.0, np.clip(dots / products, -1.0, 1.0))
