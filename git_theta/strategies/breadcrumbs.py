"""Model Breadcrumbs: drop the largest changes as outliers, and the smallest as noise."""

from __future__ import annotations

from dataclasses import dataclass

from git_theta.strategies.base import Case, Strategy, per_model
from git_theta.strategies.lazy_array import LazyArray
from git_theta.strategies.options import option
from git_theta.strategies.sparse import SparseOptions, Sparsify, merge_sparse
from git_theta.strategies.sparsify import drop_both_ends
from git_theta.strategies.task_vectors import elected_sum, weighted_sum


@dataclass(frozen=True, slots=True)
class BreadcrumbsOptions(SparseOptions):
    """Options of `breadcrumbs` and `breadcrumbs-ties`."""

    gamma: tuple[float, ...] = option(
        (0.01,),
        "The share of each task vector that is dropped because it changed most: one for all models, or one "
        "for each.",
        least=0,
        most=1,
    )


class Breadcrumbs(Strategy):
    """Drop the largest changes and the smallest, add the rest.

    Davari and Belilovsky, "Model Breadcrumbs: scaling multi-task model merging with sparse masks", ECCV 2024,
    https://arxiv.org/abs/2312.06795.
    """

    name = "breadcrumbs"
    options = BreadcrumbsOptions
    needs_base = True

    def merge(self, case: Case, options: BreadcrumbsOptions) -> LazyArray:
        """The base plus the weighted sum of the sparse task vectors."""
        return merge_sparse(case, options, _drop(case, options), weighted_sum)


class BreadcrumbsTies(Strategy):
    """Drop the largest changes and the smallest, elect a sign for each element, add the changes that agree.

    The dropping is that of `breadcrumbs` (https://arxiv.org/abs/2312.06795), the election that of `ties`
    (https://arxiv.org/abs/2306.01708).
    """

    name = "breadcrumbs-ties"
    options = BreadcrumbsOptions
    needs_base = True

    def merge(self, case: Case, options: BreadcrumbsOptions) -> LazyArray:
        """The base plus the elected sum of the sparse task vectors."""
        return merge_sparse(case, options, _drop(case, options), elected_sum)


def _drop(case: Case, options: BreadcrumbsOptions) -> Sparsify:
    density = per_model(options.density, len(case.models), "density")
    gamma = per_model(options.gamma, len(case.models), "gamma")

    def sparsify(index: int, delta: LazyArray) -> LazyArray:
        return drop_both_ends(delta, density[index], gamma[index], rescale=options.rescale)

    return sparsify
