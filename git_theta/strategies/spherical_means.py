"""Means of directions: MultiSLERP and the Karcher mean, with the mean length of the models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from git_theta.strategies.angles import Angles, angles, karcher_mean, mean_direction
from git_theta.strategies.base import Case, Strategy, model_weights
from git_theta.strategies.lazy_array import LazyArray
from git_theta.strategies.options import option
from git_theta.strategies.task_vectors import task_vectors
from git_theta.strategies.vector_sums import combination, normalized

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class MultiSlerpOptions:
    """Options of `multislerp`."""

    weights: tuple[float, ...] = option((), "One for each model; equal if none are given.")
    normalize: bool = option(
        True, "Whether to divide the weights by their sum (in mergekit: `normalize_weights`)."
    )
    changes: bool = option(
        False,
        "Whether to average the changes since the merge base and not the values (in mergekit, if there is a "
        "`base_model`).",
    )


@dataclass(frozen=True, slots=True)
class KarcherOptions:
    """Options of `karcher`."""

    weights: tuple[float, ...] = option(
        (), "One for each model; equal if none are given. They're divided by their sum."
    )
    max_iter: int = option(10, "The most steps towards the mean.", least=0, most=1000)
    tol: float = option(1e-5, "Stop when a step is a smaller angle than this, in radians.")


class MultiSlerp(Strategy):
    """The direction of the mean of the models' directions, with the mean of their lengths.

    mergekit describes it as a step into the tangent space at the mean direction, an average there, and a way
    back. With one set of weights the average in the tangent space is exactly zero, so these steps are left
    out.

    From mergekit, https://github.com/arcee-ai/mergekit.
    """

    name = "multislerp"
    options = MultiSlerpOptions

    def merge(self, case: Case, options: MultiSlerpOptions) -> LazyArray:
        """The mean direction with the mean length; the plain weighted average where directions cancel out."""
        import numpy as np

        given = model_weights(options.weights, len(case.models))
        weights = np.array(normalized(given) if options.normalize else given)
        base, vectors = task_vectors(case) if options.changes else (None, case.models)
        found = angles(vectors)
        direction = mean_direction(found, weights)
        if direction is None:
            factors = weights
        else:
            factors = _with_length(found, direction, float(weights @ found.norms))
        merged = combination([float(factor) for factor in factors], vectors)
        return merged if base is None else base + merged


class Karcher(Strategy):
    """The direction with the least squared angles to those of the models, with their mean length.

    Karcher, "Riemannian center of mass and mollifier smoothing", Comm. Pure Appl. Math. 30, 1977; for models,
    from mergekit, https://github.com/arcee-ai/mergekit.
    """

    name = "karcher"
    options = KarcherOptions

    def merge(self, case: Case, options: KarcherOptions) -> LazyArray:
        """The Karcher mean of the directions with the mean length. Zero vectors have no direction."""
        import numpy as np

        weights = np.array(normalized(model_weights(options.weights, len(case.models))))
        found = angles(case.models)
        nonzero = np.flatnonzero(found.norms != 0)
        direction = np.zeros(len(weights))
        if weights[nonzero].sum() != 0:
            part = Angles(found.norms[nonzero], found.cosines[np.ix_(nonzero, nonzero)])
            inner = weights[nonzero] / weights[nonzero].sum()
            direction[nonzero] = karcher_mean(part, inner, options.max_iter, options.tol)
        factors = _with_length(found, direction, float(weights @ found.norms))
        return combination([float(factor) for factor in factors], case.models)


def _with_length(found: Angles, direction: NDArray[np.float64], length: float) -> NDArray[np.float64]:
    """Coefficients of the vectors from those of their unit vectors, shape (n,), for a result of a length."""
    import numpy as np

    with np.errstate(all="ignore"):
        return np.where(found.norms == 0, 0.0, direction * length / found.norms)
