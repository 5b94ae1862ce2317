"""Averages: of the models, and of models and their base.

Wortsman et al., "Model soups: averaging weights of multiple fine-tuned models improves accuracy without
increasing inference time", ICML 2022, https://arxiv.org/abs/2203.05482. Of a model and its base:
Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR 2022, https://arxiv.org/abs/2109.01903.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from git_theta.errors import UsageError
from git_theta.strategies.base import Case, weights
from git_theta.strategies.lazy_array import LazyArray


@dataclass(frozen=True, slots=True)
class Options:
    """How much each counts.

    Attributes:
        weights: One for each of those that are averaged, the base last; all equal if not given.
    """

    weights: tuple[float, ...] = ()


class Average:
    """The weighted sum of the models, divided by the sum of the weights."""

    name = "average"
    options = Options
    needs_base = False
    most: int | None = None

    def merge(self, case: Case, options: Options) -> LazyArray:
        """The average of all that take part."""
        numbers = self._numbers(case)
        each = weights(options.weights, len(numbers))
        return weighted(numbers, each) / divisor(each)

    def _numbers(self, case: Case) -> Sequence[LazyArray]:
        return case.models


class AverageAll(Average):
    """The average of all models and the base."""

    name = "average-all"
    needs_base = True

    def _numbers(self, case: Case) -> Sequence[LazyArray]:
        return (*case.models, based(case))


class AverageOursBase(Average):
    """The average of our model and the base."""

    name = "average-ours-base"
    needs_base = True

    def _numbers(self, case: Case) -> Sequence[LazyArray]:
        return (case.models[0], based(case))


class AverageTheirsBase(Average):
    """The average of their model and the base."""

    name = "average-theirs-base"
    needs_base = True
    most: int | None = 2

    def _numbers(self, case: Case) -> Sequence[LazyArray]:
        return (case.models[-1], based(case))


def weighted(numbers: Sequence[LazyArray], each: Sequence[float]) -> LazyArray:
    """The sum of numbers times their weights, from left to right."""
    terms = [term if weight == 1 else term * weight for term, weight in zip(numbers, each, strict=True)]
    return sum(terms[1:], terms[0])


def divisor(each: Sequence[float]) -> float:
    """The sum of weights.

    Raises:
        UsageError: It's zero.
    """
    total = sum(each)
    if total == 0:
        raise UsageError("the weights have a sum of zero, by which nothing can be divided")
    return total


def based(case: Case) -> LazyArray:
    """The numbers of the base.

    Raises:
        UsageError: There's no base.
    """
    if case.base is None:
        raise UsageError(f"parameter {case.name!r}: there's no base to compare with")
    return case.base
