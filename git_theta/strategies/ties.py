"""TIES: trim small changes, elect a sign for each element, merge the changes that agree with it."""

from __future__ import annotations

from dataclasses import dataclass

from git_theta.strategies.base import Case, Strategy, per_model
from git_theta.strategies.lazy_array import LazyArray
from git_theta.strategies.options import option
from git_theta.strategies.sparse import SparseOptions, merge_sparse
from git_theta.strategies.sparsify import trim
from git_theta.strategies.task_vectors import elected_sum


@dataclass(frozen=True, slots=True)
class TiesOptions(SparseOptions):
    """Options of `ties`."""

    normalize: bool = option(
        True, "Whether to divide each element by the sum of the weights that count for it."
    )


class Ties(Strategy):
    """Keep the largest changes, elect a sign for each element, average the changes that agree with it.

    Yadav et al., "TIES-Merging: resolving interference when merging models", NeurIPS 2023,
    https://arxiv.org/abs/2306.01708.
    """

    name = "ties"
    options = TiesOptions
    needs_base = True

    def merge(self, case: Case, options: TiesOptions) -> LazyArray:
        """The base plus the elected sum of the trimmed task vectors."""
        density = per_model(options.density, len(case.models), "density")

        def sparsify(index: int, delta: LazyArray) -> LazyArray:
            return trim(delta, density[index], rescale=options.rescale)

        return merge_sparse(case, options, sparsify, elected_sum)
