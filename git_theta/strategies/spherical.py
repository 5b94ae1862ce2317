"""Methods that average directions and lengths apart: SLERP and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from git_theta.errors import UsageError
from git_theta.strategies.angles import Angles, angles, angles_along, arc, karcher_mean, mean_direction
from git_theta.strategies.base import Case, weights, within
from git_theta.strategies.lazy_array import LazyArray, whole
from git_theta.strategies.task_vectors import combination, shares_of, task_vectors

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: What counts as parallel for `nuslerp`: the squared sine of an angle that float64 still resolves.
PARALLEL = 1e-12


@dataclass(frozen=True, slots=True)
class SlerpOptions:
    """Of `slerp`.

    Attributes:
        t: How far to go from ours (0) to theirs (1).
        threshold: Models whose angle has a cosine beyond this, or below its negative, are interpolated in a
            straight line (in mergekit: `dot_threshold`).
    """

    t: float = 0.5
    threshold: float = 0.9995


@dataclass(frozen=True, slots=True)
class NuSlerpOptions:
    """Of `nuslerp`.

    Attributes:
        weights: One for each of the two models; equal if none are given.
        vectors: What is one vector: `whole`, the parameter; `last`, what lies along its last axis (a row of a
            matrix; in mergekit `nuslerp_flatten: false`); `first`, what lies along its first axis (in
            mergekit also `nuslerp_row_wise: true`).
        changes: Whether to interpolate the changes since the merge base and not the values (in mergekit, if
            there is a `base_model`).
    """

    weights: tuple[float, ...] = ()
    vectors: str = "whole"
    changes: bool = False


@dataclass(frozen=True, slots=True)
class MultiSlerpOptions:
    """Of `multislerp`.

    Attributes:
        weights: One for each model; equal if none are given.
        normalize: Whether to divide the weights by their sum (in mergekit: `normalize_weights`).
        changes: Whether to average the changes since the merge base and not the values (in mergekit, if there
            is a `base_model`).
    """

    weights: tuple[float, ...] = ()
    normalize: bool = True
    changes: bool = False


@dataclass(frozen=True, slots=True)
class KarcherOptions:
    """Of `karcher`.

    Attributes:
        weights: One for each model; equal if none are given. They're divided by their sum.
        max_iter: The most steps towards the mean.
        tol: Stop when a step is a smaller angle than this, in radians.
    """

    weights: tuple[float, ...] = ()
    max_iter: int = within(10, 0, 1000)
    tol: float = 1e-5


class Slerp:
    """From ours towards theirs, along the arc between their directions.

    Shoemake, "Animating rotation with quaternion curves", SIGGRAPH 1985.
    """

    name = "slerp"
    options = SlerpOptions
    needs_base = False
    most: int | None = 2

    def merge(self, case: Case, options: SlerpOptions) -> LazyArray:
        """The merged numbers."""
        cosine = angles(case.models).cosines[0, 1]
        straight = abs(cosine) > options.threshold
        return _sum(arc(cosine, straight, options.t), case.models)


class NuSlerp:
    """SLERP with a weight for each model, of whole parameters, rows or columns, of values or changes.

    From mergekit.
    """

    name = "nuslerp"
    options = NuSlerpOptions
    needs_base = False
    most: int | None = 2

    def merge(self, case: Case, options: NuSlerpOptions) -> LazyArray:
        """The merged numbers."""
        shares = weights(options.weights, len(case.models))
        t = shares[1] / sum(shares) if abs(sum(shares)) >= 1e-6 else 0.5
        if options.vectors not in ("whole", "first", "last"):
            raise UsageError(f"vectors can't be {options.vectors!r}", "Use whole, first or last.")
        base, vectors = _vectors(case, options.changes)
        if options.vectors == "whole":
            merged = _sum(_nearly_arc(angles(vectors), t), vectors)
        else:
            merged = _along(0 if options.vectors == "first" else -1, vectors, t)
        return merged if base is None else base + merged


class MultiSlerp:
    """The direction of the mean of the models' directions, with the mean of their lengths.

    It's described as a step into the tangent space at the mean direction, an average there, and a way back.
    With one set of weights the average in the tangent space is exactly zero, so these steps aren't taken.

    From mergekit.
    """

    name = "multislerp"
    options = MultiSlerpOptions
    needs_base = False
    most: int | None = None

    def merge(self, case: Case, options: MultiSlerpOptions) -> LazyArray:
        """The merged numbers; the plain weighted average where directions cancel out."""
        import numpy as np

        given = weights(options.weights, len(case.models))
        shares = np.array(shares_of(given) if options.normalize else given)
        base, vectors = _vectors(case, options.changes)
        found = angles(vectors)
        direction = mean_direction(found, shares)
        scaled = shares if direction is None else _scaled(found, direction, float(shares @ found.norms))
        merged = _sum(scaled, vectors)
        return merged if base is None else base + merged


class Karcher:
    """The direction with the least squared angles to those of the models, with their mean length.

    Karcher, "Riemannian center of mass and mollifier smoothing", Comm. Pure Appl. Math. 30, 1977; for models,
    from mergekit.
    """

    name = "karcher"
    options = KarcherOptions
    needs_base = False
    most: int | None = None

    def merge(self, case: Case, options: KarcherOptions) -> LazyArray:
        """The merged numbers."""
        import numpy as np

        shares = np.array(shares_of(weights(options.weights, len(case.models))))
        found = angles(case.models)
        there = np.flatnonzero(found.norms != 0)
        direction = np.zeros(len(shares))
        if shares[there].sum() != 0:
            part = Angles(found.norms[there], found.cosines[np.ix_(there, there)])
            inner = shares[there] / shares[there].sum()
            direction[there] = karcher_mean(part, inner, options.max_iter, options.tol)
        return _sum(_scaled(found, direction, float(shares @ found.norms)), case.models)


def _vectors(case: Case, changes: bool) -> tuple[LazyArray | None, Sequence[LazyArray]]:
    return task_vectors(case) if changes else (None, case.models)


def _nearly_arc(found: Angles, t: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    cosine = found.cosines[0, 1]
    return arc(cosine, 1 - cosine * cosine <= PARALLEL, t)


def _along(axis: int, vectors: Sequence[LazyArray], t: float) -> LazyArray:
    import numpy as np

    # In place: the arrays are ours, and may be larger than memory.
    first, second = (np.atleast_1d(vector.array()) for vector in vectors)
    one, other = _nearly_arc(angles_along(axis, (first, second)), t)
    with np.errstate(all="ignore"):
        first *= np.expand_dims(one, axis)
        second *= np.expand_dims(other, axis)
        first += second
    return whole(first.reshape(vectors[0].shape), vectors[0])


def _scaled(found: Angles, direction: NDArray[np.float64], length: float) -> NDArray[np.float64]:
    """From coefficients of unit vectors to those of the vectors, for a result of a length."""
    import numpy as np

    with np.errstate(all="ignore"):
        return np.where(found.norms == 0, 0.0, direction * length / found.norms)


def _sum(coefficients: Sequence[object] | NDArray[np.float64], vectors: Sequence[LazyArray]) -> LazyArray:
    return combination([float(c) for c in coefficients], vectors)  # type: ignore[arg-type]
