"""Counters: numbers of steps, of batches, of epochs. They're exact, also as whole numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any

from git_theta.strategies.base import Case, Strategy
from git_theta.strategies.lazy_array import LazyArray, where
from git_theta.strategies.options import option

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Dtypes of whole numbers, which other strategies can't merge.
WHOLE_NUMBERS = frozenset(("I8", "I16", "I32", "I64", "U8", "U16", "U32", "U64"))


@dataclass(frozen=True, slots=True)
class CounterOptions:
    """Options of counters."""

    add: bool = option(False, "Add up the counts since the base, instead of taking the largest.")


class CounterRule(Strategy):
    """The largest of the models' counts, or the base's count and what the models have added to it."""

    name = "counter"
    options = CounterOptions

    def merge(self, case: Case, options: CounterOptions) -> LazyArray:
        """The count, of floats."""
        if options.add and case.base is not None:
            base = case.base
            return reduce(lambda total, model: total + (model - base), case.models[1:], case.models[0])
        return reduce(lambda one, other: where(other > one, other, one), case.models)

    def count(
        self, models: Sequence[NDArray[Any]], base: NDArray[Any] | None, options: CounterOptions
    ) -> NDArray[Any]:
        """The count, of arrays of whole numbers, in their own dtype."""
        import numpy as np

        if options.add and base is not None:
            return reduce(lambda total, model: total + (model - base), models[1:], models[0])
        return reduce(np.maximum, models)

    def count_number(self, models: Sequence[int], base: int | None, options: CounterOptions) -> int:
        """The count, of numbers that aren't tensors."""
        return sum(models) - (len(models) - 1) * base if options.add and base is not None else max(models)
