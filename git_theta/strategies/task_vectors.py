"""Task vectors, the changes of models to their merge base: what they are, and weighted sums of them."""

from __future__ import annotations

from collections.abc import Sequence

from git_theta.strategies.base import Case, base_value
from git_theta.strategies.lazy_array import LazyArray, where
from git_theta.strategies.vector_sums import combination, scaled, total


def task_vectors(case: Case) -> tuple[LazyArray, list[LazyArray]]:
    """The merge base, and the difference between each model and the base.

    Raises:
        UsageError: The merge base doesn't have the parameter.
    """
    base = base_value(case)
    return base, [model - base for model in case.models]


def elect_signs(deltas: Sequence[LazyArray]) -> list[LazyArray]:
    """For each task vector, a mask of the elements with the sign of the sum of all; the sum 0 elects plus."""
    positive = total(deltas) >= 0.0
    return [(positive & (delta > 0.0)) | (~positive & (delta < 0.0)) for delta in deltas]


def weighted_sum(deltas: Sequence[LazyArray], weights: Sequence[float], *, normalize: bool) -> LazyArray:
    """The weighted sum of task vectors; with `normalize`, divided by the sum of the weights unless it's 0."""
    mixed = combination(weights, deltas)
    whole = sum(weights)
    return mixed / whole if normalize and abs(whole) > 1e-8 else mixed


def elected_sum(deltas: Sequence[LazyArray], weights: Sequence[float], *, normalize: bool) -> LazyArray:
    """As `masked_sum`, of the elements with the sign that the weighted sum of all task vectors has."""
    return masked_sum(deltas, weights, elect_signs(scaled(deltas, weights)), normalize=normalize)


def masked_sum(
    deltas: Sequence[LazyArray], weights: Sequence[float], masks: Sequence[LazyArray], *, normalize: bool
) -> LazyArray:
    """The weighted sum of task vectors where their masks are true.

    With `normalize`, each element is divided by the sum of the weights that count for it, unless that is 0.
    """
    pairs = zip(masks, scaled(deltas, weights), strict=True)
    mixed = total([where(mask, delta, 0.0) for mask, delta in pairs])
    if not normalize:
        return mixed
    counted = total([where(mask, weight, 0.0) for weight, mask in zip(weights, masks, strict=True)])
    return mixed / where(counted.equals(0.0), 1.0, counted)
