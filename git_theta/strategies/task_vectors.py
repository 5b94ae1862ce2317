"""How task vectors become one: their weighted sum, or of those that agree on the sign."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import add

from git_theta.errors import UsageError
from git_theta.strategies.average import based, divisor
from git_theta.strategies.base import Case
from git_theta.strategies.lazy_array import LazyArray, where


def task_vectors(case: Case) -> tuple[LazyArray, list[LazyArray]]:
    """The merge base, and what each model changed in it.

    Raises:
        UsageError: There's no merge base that has the parameter.
    """
    base = based(case)
    return base, [model - base for model in case.models]


def elect(deltas: Sequence[LazyArray]) -> list[LazyArray]:
    """For each task vector, a mask of where it has the sign of the sum of all; a sum of 0 elects plus."""
    positive = total(deltas) >= 0.0
    return [(positive & (delta > 0.0)) | (~positive & (delta < 0.0)) for delta in deltas]


def weighted_sum(deltas: Sequence[LazyArray], shares: Sequence[float], *, normalize: bool) -> LazyArray:
    """The sum of weighted task vectors, divided by the sum of the weights if that's wanted and not 0."""
    mixed = combination(shares, deltas)
    whole = sum(shares)
    return mixed / whole if normalize and abs(whole) > 1e-8 else mixed


def elected_sum(deltas: Sequence[LazyArray], shares: Sequence[float], *, normalize: bool) -> LazyArray:
    """As `weighted_sum`, in each place only of those that have the sign of the weighted sum of all."""
    return agreeing_sum(deltas, shares, elect(scaled(deltas, shares)), normalize=normalize)


def agreeing_sum(
    deltas: Sequence[LazyArray], shares: Sequence[float], masks: Sequence[LazyArray], *, normalize: bool
) -> LazyArray:
    """As `weighted_sum`, in each place only of those whose mask is true there."""
    pairs = zip(masks, scaled(deltas, shares), strict=True)
    mixed = total([where(mask, delta, 0.0) for mask, delta in pairs])
    if not normalize:
        return mixed
    counted = total([where(mask, share, 0.0) for share, mask in zip(shares, masks, strict=True)])
    return mixed / where(counted.equals(0.0), 1.0, counted)


def scaled(vectors: Sequence[LazyArray], shares: Sequence[float]) -> list[LazyArray]:
    """Each times its weight."""
    return [times(share, vector) for share, vector in zip(shares, vectors, strict=True)]


def combination(coefficients: Sequence[float], vectors: Sequence[LazyArray]) -> LazyArray:
    """The sum of the vectors times their coefficients, without those whose coefficient is 0."""
    terms = [times(c, v) for c, v in zip(coefficients, vectors, strict=True) if c != 0]
    return total(terms) if terms else times(0.0, vectors[0])


def total(vectors: Sequence[LazyArray]) -> LazyArray:
    """Their sum, element by element, from the first to the last."""
    return reduce(add, vectors)


def times(factor: float, vector: LazyArray) -> LazyArray:
    """The product; the vector itself if the factor is 1."""
    return vector if factor == 1 else factor * vector


def one_each(given: Sequence[float], count: int, what: str) -> tuple[float, ...]:
    """One number for each model; a single one stands for all.

    Raises:
        UsageError: There are too few or too many.
    """
    if len(given) not in (1, count):
        raise UsageError(f"{len(given)} values of {what} are given for {count} models")
    return tuple(given) * (count if len(given) == 1 else 1)


def shares_of(weights: Sequence[float]) -> tuple[float, ...]:
    """The weights divided by their sum.

    Raises:
        UsageError: They sum to 0.
    """
    whole = divisor(weights)
    return tuple(weight / whole for weight in weights)
