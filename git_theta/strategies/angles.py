"""Norms of vectors and angles between them, which are all that spherical interpolation needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from git_theta.strategies.lazy_array import LazyArray

#: Norm of a mean of unit vectors below which it is nothing but rounding: the root of a sum that cancels out.
CANCELLED = 1e-6


@dataclass(frozen=True, slots=True)
class Angles:
    """Norms and cosines of n vectors; or of n arrays of vectors, such as the rows of n matrices.

    Attributes:
        norms: Euclidean norms; shape (n,), or (n, ...) for arrays of vectors.
        cosines: Cosine of the angle between each two; shape (n, n), or (n, n, ...). A zero vector has 0.
    """

    norms: NDArray[np.float64]
    cosines: NDArray[np.float64]


def angles(vectors: Sequence[LazyArray]) -> Angles:
    """Norms and cosines of parameters, each taken as one vector."""
    import numpy as np

    norms = np.array([vector.norm() for vector in vectors])
    dots = np.diag(norms * norms)
    for i, one in enumerate(vectors):
        for j, other in enumerate(vectors[:i]):
            dots[i, j] = dots[j, i] = one.dot(other)
    return Angles(norms, _cosines(norms, dots))


def angles_along(axis: int, vectors: Sequence[NDArray[np.float64]]) -> Angles:
    """Norms and cosines of all vectors along an axis of n arrays of one shape.

    Args:
        axis: The axis, such as -1 for the rows of a matrix.
        vectors: The arrays; a scalar counts as shape (1,).
    """
    import numpy as np

    lanes = [np.moveaxis(np.atleast_1d(vector), axis, -1) for vector in vectors]
    with np.errstate(all="ignore"):
        dots = np.array([[np.einsum("...i,...i", one, other) for other in lanes] for one in lanes])
        norms = np.sqrt(np.einsum("ii...->i...", dots))
    return Angles(norms, _cosines(norms, dots))


def arc(cosine: Any, straight: Any, t: float) -> tuple[Any, Any]:
    """Coefficients of two vectors for the point at the share `t` of the way from the first to the second.

    Args:
        cosine: Cosine of the angle between the vectors.
        straight: Whether the way is a straight line instead of the arc.
        t: The share, from 0 to 1; others extrapolate.
    """
    import numpy as np

    with np.errstate(all="ignore"):
        angle = np.arccos(np.where(straight, 0.0, cosine))
        first = np.where(straight, 1 - t, np.sin((1 - t) * angle) / np.sin(angle))
        second = np.where(straight, t, np.sin(t * angle) / np.sin(angle))
    return first, second


def mean_direction(found: Angles, shares: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Coefficients of the unit vectors, shape (n,), for the unit vector of their weighted mean.

    `None` if the mean is zero and so has no direction.
    """
    import numpy as np

    with np.errstate(all="ignore"):
        length = np.sqrt(np.maximum(shares @ found.cosines @ shares, 0.0))
        return None if length < CANCELLED else shares / length


def karcher_mean(
    found: Angles, shares: NDArray[np.float64], max_iter: int, tol: float
) -> NDArray[np.float64]:
    """Coefficients of the unit vectors, shape (n,), for their Karcher mean on the sphere.

    Each step goes from the last estimate along the weighted mean of the arcs to all vectors. Every estimate
    is in the span of the vectors, so their angles are enough to compute it.

    Args:
        found: Angles of vectors that aren't zero.
        shares: Weight of each vector, shape (n,); they sum to 1.
        max_iter: The most steps.
        tol: Angle in radians that counts as zero.
    """
    import numpy as np

    start = mean_direction(found, shares)
    estimate: NDArray[np.float64] = np.eye(len(shares))[0] if start is None else start
    with np.errstate(all="ignore"):
        for _ in range(max_iter):
            cosines = np.clip(found.cosines @ estimate, -1.0, 1.0)
            angle, sine = np.arccos(cosines), np.sqrt(1 - cosines * cosines)
            # The opposite vector has no shortest arc, and doesn't count.
            pull = np.where((angle < tol) | (sine < CANCELLED), 0.0, shares * angle / sine)
            step = pull - (pull @ cosines) * estimate
            size = np.sqrt(np.maximum(step @ found.cosines @ step, 0.0))
            if size < tol:
                break
            estimate = np.cos(size) * estimate + np.sin(size) / size * step
            estimate = estimate / np.sqrt(estimate @ found.cosines @ estimate)
    return estimate


def _cosines(norms: NDArray[np.float64], dots: NDArray[np.float64]) -> NDArray[np.float64]:
    import numpy as np

    with np.errstate(all="ignore"):
        products = norms[:, None] * norms[None, :]
        return np.where(products == 0, 0.0, np.clip(dots / products, -1.0, 1.0))
