"""TIES, DARE, DELLA and Model Breadcrumbs: task vectors made sparse, then added to the merge base."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from git_theta.strategies.base import Case, weights, within
from git_theta.strategies.lazy_array import LazyArray
from git_theta.strategies.sparsify import drop, drop_by_rank, middle, seed_for, trim
from git_theta.strategies.task_vectors import elected_sum, one_each, task_vectors, times, weighted_sum

#: From the place of a model and its task vector to what is left of that.
Sparsify = Callable[[int, LazyArray], LazyArray]


@dataclass(frozen=True, slots=True)
class Sparse:
    """What all of these have in common.

    Attributes:
        weights: One for each model; all 1 if none are given.
        density: The share of each task vector to keep: one for all models, or one for each.
        normalize: Whether to divide by the sum of the weights that count in a place.
        rescale: Whether to make up for what is dropped.
        scale: A factor for the merged task vector (in mergekit: `lambda`).
    """

    weights: tuple[float, ...] = ()
    density: tuple[float, ...] = within((1.0,), 0, 1)
    normalize: bool = False
    rescale: bool = False
    scale: float = 1.0


@dataclass(frozen=True, slots=True)
class TiesOptions(Sparse):
    """Of `ties`: those of `Sparse`."""

    normalize: bool = True


@dataclass(frozen=True, slots=True)
class DareOptions(Sparse):
    """Of `dare-linear` and `dare-ties`: those of `Sparse`, and the seed.

    Attributes:
        seed: Of the random numbers that say what is dropped.
    """

    rescale: bool = True
    seed: int = 0


@dataclass(frozen=True, slots=True)
class DellaLinearOptions(DareOptions):
    """Of `della-linear`: those of DARE, and how much probabilities differ.

    Attributes:
        epsilon: How much more likely than `density` the largest change of a row is kept, and how much less
            likely the smallest: one for all models, or one for each.
    """

    epsilon: tuple[float, ...] = within((0.15,), 0, 1)


@dataclass(frozen=True, slots=True)
class DellaOptions(DellaLinearOptions):
    """Of `della`: those of `della-linear`."""

    normalize: bool = True


@dataclass(frozen=True, slots=True)
class BreadcrumbsOptions(Sparse):
    """Of `breadcrumbs` and `breadcrumbs-ties`: those of `Sparse`, and the outliers.

    Attributes:
        gamma: The share of each task vector that is dropped because it changed most: one for all models, or
            one for each.
    """

    gamma: tuple[float, ...] = within((0.01,), 0, 1)


class Ties:
    """Keep the largest changes, elect a sign in each place, average those that agree with it.

    Yadav et al., "TIES-Merging", NeurIPS 2023, https://arxiv.org/abs/2306.01708.
    """

    name = "ties"
    options = TiesOptions
    needs_base = True
    most: int | None = None

    def merge(self, case: Case, options: TiesOptions) -> LazyArray:
        """The merged numbers."""
        return _merge(case, options, _trims(case, options), elected_sum)


class DareLinear:
    """Drop changes at random, scale up those that stay, add them.

    Yu et al., "Language models are Super Mario", ICML 2024, https://arxiv.org/abs/2311.03099.
    """

    name = "dare-linear"
    options = DareOptions
    needs_base = True
    most: int | None = None

    def merge(self, case: Case, options: DareOptions) -> LazyArray:
        """The merged numbers."""
        return _merge(case, options, _drops(case, options), weighted_sum)


class DareTies:
    """Drop changes at random, scale up those that stay, elect a sign, add those that agree with it.

    The dropping is that of `dare-linear`, the election that of `ties`.
    """

    name = "dare-ties"
    options = DareOptions
    needs_base = True
    most: int | None = None

    def merge(self, case: Case, options: DareOptions) -> LazyArray:
        """The merged numbers."""
        return _merge(case, options, _drops(case, options), elected_sum)


class Della:
    """Drop changes at random, small ones rather; elect a sign, average those that agree with it.

    Deep et al., "DELLA-Merging", 2024, https://arxiv.org/abs/2406.11617.
    """

    name = "della"
    options = DellaOptions
    needs_base = True
    most: int | None = None

    def merge(self, case: Case, options: DellaOptions) -> LazyArray:
        """The merged numbers."""
        return _merge(case, options, _drops_by_rank(case, options), elected_sum)


class DellaLinear:
    """Drop changes at random, small ones rather; add those that stay.

    The dropping is that of `della`.
    """

    name = "della-linear"
    options = DellaLinearOptions
    needs_base = True
    most: int | None = None

    def merge(self, case: Case, options: DellaLinearOptions) -> LazyArray:
        """The merged numbers."""
        return _merge(case, options, _drops_by_rank(case, options), weighted_sum)


class Breadcrumbs:
    """Drop the largest changes and the smallest, add the others.

    Davari and Belilovsky, "Model Breadcrumbs", ECCV 2024, https://arxiv.org/abs/2312.06795.
    """

    name = "breadcrumbs"
    options = BreadcrumbsOptions
    needs_base = True
    most: int | None = None

    def merge(self, case: Case, options: BreadcrumbsOptions) -> LazyArray:
        """The merged numbers."""
        return _merge(case, options, _middles(case, options), weighted_sum)


class BreadcrumbsTies:
    """Drop the largest changes and the smallest, elect a sign, add those that agree with it.

    The dropping is that of `breadcrumbs`, the election that of `ties`.
    """

    name = "breadcrumbs-ties"
    options = BreadcrumbsOptions
    needs_base = True
    most: int | None = None

    def merge(self, case: Case, options: BreadcrumbsOptions) -> LazyArray:
        """The merged numbers."""
        return _merge(case, options, _middles(case, options), elected_sum)


class _Combine(Protocol):
    def __call__(
        self, deltas: list[LazyArray], shares: tuple[float, ...], *, normalize: bool
    ) -> LazyArray: ...


def _merge(case: Case, options: Sparse, sparsify: Sparsify, merge_parameter: _Combine) -> LazyArray:
    base, deltas = task_vectors(case)
    shares = weights(options.weights, len(deltas))
    sparse = [sparsify(index, delta) for index, delta in enumerate(deltas)]
    return base + times(options.scale, merge_parameter(sparse, shares, normalize=options.normalize))


def _trims(case: Case, options: Sparse) -> Sparsify:
    density = one_each(options.density, len(case.models), "density")
    return lambda index, delta: trim(delta, density[index], rescale=options.rescale)


def _middles(case: Case, options: BreadcrumbsOptions) -> Sparsify:
    density = one_each(options.density, len(case.models), "density")
    gamma = one_each(options.gamma, len(case.models), "gamma")
    return lambda index, delta: middle(delta, density[index], gamma[index], rescale=options.rescale)


def _drops(case: Case, options: DareOptions) -> Sparsify:
    density = one_each(options.density, len(case.models), "density")
    return lambda index, delta: drop(
        delta, density[index], seed_for(options.seed, case.name, index), rescale=options.rescale
    )


def _drops_by_rank(case: Case, options: DellaLinearOptions) -> Sparsify:
    density = one_each(options.density, len(case.models), "density")
    epsilon = one_each(options.epsilon, len(case.models), "epsilon")
    return lambda index, delta: drop_by_rank(
        delta,
        density[index],
        epsilon[index],
        seed_for(options.seed, case.name, index),
        rescale=options.rescale,
    )
