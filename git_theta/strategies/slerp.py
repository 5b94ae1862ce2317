"""Spherical linear interpolation of two models: SLERP, and NuSLERP with weights and per row or column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from git_theta.strategies.angles import Angles, angles, angles_along, arc
from git_theta.strategies.base import Case, Strategy, model_weights
from git_theta.strategies.lazy_array import LazyArray, from_array
from git_theta.strategies.options import option
from git_theta.strategies.task_vectors import task_vectors
from git_theta.strategies.vector_sums import combination

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: Squared sine of the angle below which `nuslerp` takes vectors as parallel: float64 resolves no smaller one.
PARALLEL = 1e-12

#: Sum of the weights below which `nuslerp` goes half of the way.
_NO_WEIGHTS = 1e-6


@dataclass(frozen=True, slots=True)
class SlerpOptions:
    """Options of `slerp`."""

    t: float = option(0.5, "How far to go from ours (0) to theirs (1).")
    threshold: float = option(
        0.9995,
        "Models whose angle has a cosine beyond this, or below its negative, are interpolated in a straight "
        "line (in mergekit: `dot_threshold`).",
    )


@dataclass(frozen=True, slots=True)
class NuSlerpOptions:
    """Options of `nuslerp`."""

    weights: tuple[float, ...] = option((), "One for each of the two models; equal if none are given.")
    vectors: str = option(
        "whole",
        "The vectors to interpolate: `whole`, the parameter; `last`, along its last axis (rows of a matrix; "
        "in mergekit `nuslerp_flatten: false`); `first`, along its first axis (in mergekit also "
        "`nuslerp_row_wise: true`).",
        choices=("whole", "last", "first"),
    )
    changes: bool = option(
        False,
        "Whether to interpolate the changes since the merge base and not the values (in mergekit, if there "
        "is a `base_model`).",
    )


class Slerp(Strategy):
    """From ours towards theirs, along the arc between their directions.

    Shoemake, "Animating rotation with quaternion curves", SIGGRAPH 1985.
    """

    name = "slerp"
    options = SlerpOptions
    max_models = 2

    def merge(self, case: Case, options: SlerpOptions) -> LazyArray:
        """The interpolated value, as one vector."""
        cosine = angles(case.models).cosines[0, 1]
        straight = abs(cosine) > options.threshold
        first, second = arc(cosine, straight, options.t)
        return combination([float(first), float(second)], case.models)


class NuSlerp(Strategy):
    """SLERP with a weight for each model, of whole parameters, rows or columns, of values or changes.

    From mergekit, https://github.com/arcee-ai/mergekit.
    """

    name = "nuslerp"
    options = NuSlerpOptions
    max_models = 2

    def merge(self, case: Case, options: NuSlerpOptions) -> LazyArray:
        """The interpolated value, as one vector or row by row or column by column."""
        weights = model_weights(options.weights, len(case.models))
        t = weights[1] / sum(weights) if abs(sum(weights)) >= _NO_WEIGHTS else 0.5
        base, vectors = task_vectors(case) if options.changes else (None, case.models)
        if options.vectors == "whole":
            first, second = _nearly_arc(angles(vectors), t)
            merged = combination([float(first), float(second)], vectors)
        else:
            merged = _along(0 if options.vectors == "first" else -1, vectors, t)
        return merged if base is None else base + merged


def _nearly_arc(found: Angles, t: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    cosine = found.cosines[0, 1]
    return arc(cosine, 1 - cosine * cosine <= PARALLEL, t)


def _along(axis: int, vectors: Sequence[LazyArray], t: float) -> LazyArray:
    """Interpolate all lines along an axis, each with its own angle."""
    import numpy as np

    # In place: both arrays are new, and may be larger than memory.
    first, second = (np.atleast_1d(vector.array()) for vector in vectors)
    one, other = _nearly_arc(angles_along(axis, (first, second)), t)
    with np.errstate(all="ignore"):
        first *= np.expand_dims(one, axis)
        second *= np.expand_dims(other, axis)
        first += second
    return from_array(first.reshape(vectors[0].shape), vectors[0])
