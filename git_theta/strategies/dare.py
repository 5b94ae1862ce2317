"""DARE: drop changes at random, and rescale the rest so that its expectation stays."""

from __future__ import annotations

from dataclasses import dataclass

from git_theta.strategies.base import Case, Strategy, per_model
from git_theta.strategies.lazy_array import LazyArray
from git_theta.strategies.options import option
from git_theta.strategies.sparse import SparseOptions, Sparsify, merge_sparse
from git_theta.strategies.sparsify import drop, seed_for
from git_theta.strategies.task_vectors import elected_sum, weighted_sum


@dataclass(frozen=True, slots=True)
class DareOptions(SparseOptions):
    """Options of `dare-linear` and `dare-ties`."""

    rescale: bool = option(True, "Whether to scale up what is kept, to make up for what is dropped.")
    seed: int = option(0, "Seed of the random numbers that select what is dropped.")


class DareLinear(Strategy):
    """Drop changes at random, scale up the rest, add it.

    Yu et al., "Language models are Super Mario: absorbing abilities from homologous models as a free lunch",
    ICML 2024, https://arxiv.org/abs/2311.03099.
    """

    name = "dare-linear"
    options = DareOptions
    needs_base = True

    def merge(self, case: Case, options: DareOptions) -> LazyArray:
        """The base plus the weighted sum of the sparse task vectors."""
        return merge_sparse(case, options, _drop(case, options), weighted_sum)


class DareTies(Strategy):
    """Drop changes at random, scale up the rest, elect a sign for each element, add the changes that agree.

    The dropping is that of `dare-linear` (https://arxiv.org/abs/2311.03099), the election that of `ties`
    (https://arxiv.org/abs/2306.01708).
    """

    name = "dare-ties"
    options = DareOptions
    needs_base = True

    def merge(self, case: Case, options: DareOptions) -> LazyArray:
        """The base plus the elected sum of the sparse task vectors."""
        return merge_sparse(case, options, _drop(case, options), elected_sum)


def _drop(case: Case, options: DareOptions) -> Sparsify:
    density = per_model(options.density, len(case.models), "density")

    def sparsify(index: int, delta: LazyArray) -> LazyArray:
        seed = seed_for(options.seed, case.name, index)
        return drop(delta, density[index], seed, rescale=options.rescale)

    return sparsify
