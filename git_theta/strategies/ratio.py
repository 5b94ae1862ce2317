"""Ratios: changes of numbers that are positive, such as variances."""

from __future__ import annotations

from functools import reduce

from git_theta.strategies.base import Case, Strategy, base_value
from git_theta.strategies.lazy_array import LazyArray, where
from git_theta.strategies.options import NoOptions


class Ratio(Strategy):
    """Ours times the factor by which each other model has changed the base.

    Where all models are positive, so is the result, which a sum of changes may not be.
    """

    name = "ratio"
    options = NoOptions
    needs_base = True

    def merge(self, case: Case, options: NoOptions) -> LazyArray:
        """The product of ours and all factors; the sum of the changes where the base isn't positive."""
        base, (ours, *others) = base_value(case), case.models
        product = reduce(lambda total, model: total * (model / base), others, ours)
        total = reduce(lambda total, model: total + (model - base), others, ours)
        return where(base > 0.0, product, total)
