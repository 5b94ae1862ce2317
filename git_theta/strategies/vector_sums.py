"""Sums of the values of several models, with weights. Terms are added from the first to the last."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import add

from git_theta.errors import UsageError
from git_theta.strategies.lazy_array import LazyArray


def total(vectors: Sequence[LazyArray]) -> LazyArray:
    """The sum of the vectors."""
    return reduce(add, vectors)


def times(factor: float, vector: LazyArray) -> LazyArray:
    """The product; the vector itself if the factor is 1."""
    return vector if factor == 1 else factor * vector


def scaled(vectors: Sequence[LazyArray], weights: Sequence[float]) -> list[LazyArray]:
    """Each vector times its weight."""
    return [times(weight, vector) for weight, vector in zip(weights, vectors, strict=True)]


def weighted_total(vectors: Sequence[LazyArray], weights: Sequence[float]) -> LazyArray:
    """The sum of the vectors times their weights; a NaN counts even with the weight 0."""
    terms = [
        vector if weight == 1 else vector * weight for vector, weight in zip(vectors, weights, strict=True)
    ]
    return sum(terms[1:], terms[0])


def combination(coefficients: Sequence[float], vectors: Sequence[LazyArray]) -> LazyArray:
    """The sum of the vectors times their coefficients, without vectors whose coefficient is 0."""
    terms = [times(c, v) for c, v in zip(coefficients, vectors, strict=True) if c != 0]
    return total(terms) if terms else times(0.0, vectors[0])


def sum_of_weights(weights: Sequence[float]) -> float:
    """The sum of the weights, to divide by.

    Raises:
        UsageError: The sum is zero.
    """
    found = sum(weights)
    if found == 0:
        raise UsageError("the weights have a sum of zero, by which nothing can be divided")
    return found


def normalized(weights: Sequence[float]) -> tuple[float, ...]:
    """The weights divided by their sum.

    Raises:
        UsageError: The sum is zero.
    """
    whole = sum_of_weights(weights)
    return tuple(weight / whole for weight in weights)
