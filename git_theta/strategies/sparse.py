"""The options and the sum that TIES, DARE, DELLA and Model Breadcrumbs share, of sparse task vectors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from git_theta.strategies.base import Case, model_weights
from git_theta.strategies.lazy_array import LazyArray
from git_theta.strategies.options import option
from git_theta.strategies.task_vectors import task_vectors
from git_theta.strategies.vector_sums import times

#: A way to drop elements: index of a model and its task vector → the sparse task vector.
Sparsify = Callable[[int, LazyArray], LazyArray]


@dataclass(frozen=True, slots=True)
class SparseOptions:
    """Options of every sparse strategy."""

    weights: tuple[float, ...] = option((), "One for each model; all 1 if none are given.")
    density: tuple[float, ...] = option(
        (1.0,), "The share of each task vector to keep: one for all models, or one for each.", least=0, most=1
    )
    normalize: bool = option(
        False, "Whether to divide each element by the sum of the weights that count for it."
    )
    rescale: bool = option(False, "Whether to scale up what is kept, to make up for what is dropped.")
    scale: float = option(1.0, "A factor for the merged task vector (in mergekit: `lambda`).")


class AddDeltas(Protocol):
    """A weighted sum of task vectors, such as `task_vectors.weighted_sum`."""

    def __call__(self, deltas: list[LazyArray], weights: tuple[float, ...], *, normalize: bool) -> LazyArray:
        """The sum; with `normalize`, divided by the sum of the weights."""
        ...


def merge_sparse(case: Case, options: SparseOptions, sparsify: Sparsify, add: AddDeltas) -> LazyArray:
    """The base plus the scaled sum of the sparse task vectors."""
    base, deltas = task_vectors(case)
    weights = model_weights(options.weights, len(deltas))
    sparse = [sparsify(index, delta) for index, delta in enumerate(deltas)]
    return base + times(options.scale, add(sparse, weights, normalize=options.normalize))
