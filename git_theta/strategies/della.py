"""DELLA: drop changes at random, small ones with a higher probability, and rescale the rest."""

from __future__ import annotations

from dataclasses import dataclass

from git_theta.strategies.base import Case, Strategy, per_model
from git_theta.strategies.dare import DareOptions
from git_theta.strategies.lazy_array import LazyArray
from git_theta.strategies.options import option
from git_theta.strategies.sparse import Sparsify, merge_sparse
from git_theta.strategies.sparsify import drop_by_rank, seed_for
from git_theta.strategies.task_vectors import elected_sum, weighted_sum


@dataclass(frozen=True, slots=True)
class DellaLinearOptions(DareOptions):
    """Options of `della-linear`."""

    epsilon: tuple[float, ...] = option(
        (0.15,),
        "How much more likely than `density` the largest change of a row is kept, and how much less "
        "likely the smallest: one for all models, or one for each.",
        least=0,
        most=1,
    )


@dataclass(frozen=True, slots=True)
class DellaOptions(DellaLinearOptions):
    """Options of `della`."""

    normalize: bool = option(
        True, "Whether to divide each element by the sum of the weights that count for it."
    )


class Della(Strategy):
    """Drop small changes at random, elect a sign for each element, average the changes that agree with it.

    Deep et al., "DELLA-Merging: reducing interference in model merging through magnitude-based sampling",
    2024, https://arxiv.org/abs/2406.11617.
    """

    name = "della"
    options = DellaOptions
    needs_base = True

    def merge(self, case: Case, options: DellaOptions) -> LazyArray:
        """The base plus the elected sum of the sparse task vectors."""
        return merge_sparse(case, options, _drop(case, options), elected_sum)


class DellaLinear(Strategy):
    """Drop small changes at random with a higher probability than large ones, add the rest.

    The dropping is that of `della` (https://arxiv.org/abs/2406.11617).
    """

    name = "della-linear"
    options = DellaLinearOptions
    needs_base = True

    def merge(self, case: Case, options: DellaLinearOptions) -> LazyArray:
        """The base plus the weighted sum of the sparse task vectors."""
        return merge_sparse(case, options, _drop(case, options), weighted_sum)


def _drop(case: Case, options: DellaLinearOptions) -> Sparsify:
    density = per_model(options.density, len(case.models), "density")
    epsilon = per_model(options.epsilon, len(case.models), "epsilon")

    def sparsify(index: int, delta: LazyArray) -> LazyArray:
        seed = seed_for(options.seed, case.name, index)
        return drop_by_rank(delta, density[index], epsilon[index], seed, rescale=options.rescale)

    return sparsify
