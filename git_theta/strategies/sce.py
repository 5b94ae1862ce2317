"""SCE: select where models differ, calculate their weights, erase what disagrees on the sign."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import and_

from git_theta.strategies.base import Case, Strategy
from git_theta.strategies.lazy_array import LazyArray, where
from git_theta.strategies.options import option
from git_theta.strategies.task_vectors import elect_signs, masked_sum, task_vectors
from git_theta.strategies.vector_sums import total


@dataclass(frozen=True, slots=True)
class SceOptions:
    """Options of `sce`."""

    density: float = option(
        1.0,
        "Of the elements in which models differ, the share where they differ most, which is merged; the "
        "others stay as in the merge base (in mergekit: `select_topk`).",
        least=0,
        most=1,
    )


class Sce(Strategy):
    """An average of the changes that agree on the sign; models that changed the parameter more weigh more.

    Wan et al., "FuseChat: knowledge fusion of chat models", 2024, https://arxiv.org/abs/2408.07990.
    """

    name = "sce"
    options = SceOptions
    needs_base = True

    def merge(self, case: Case, options: SceOptions) -> LazyArray:
        """The base plus the average of the selected changes that agree on the sign."""
        base, deltas = task_vectors(case)
        if options.density <= 0:
            return base
        if options.density < 1:
            mask = _select(deltas, options.density)
            deltas = [where(mask, delta, 0.0) for delta in deltas]
        return base + masked_sum(deltas, _weights(deltas), elect_signs(deltas), normalize=True)


def _select(deltas: Sequence[LazyArray], density: float) -> LazyArray:
    """A mask of the elements with the largest variance across models."""
    same = reduce(and_, (delta.equals(deltas[0]) for delta in deltas[1:]))
    mean = total(deltas) / len(deltas)
    variance = total([(delta - mean) * (delta - mean) for delta in deltas])
    return variance.top_k(int((~same).sum() * density))


def _weights(deltas: Sequence[LazyArray]) -> tuple[float, ...]:
    """The share of each task vector in the sum of all squares; equal if that sum is 0 or isn't finite."""
    squares = [delta.dot(delta) for delta in deltas]
    whole = sum(squares)
    if not 0 < whole < math.inf:
        return (1 / len(deltas),) * len(deltas)
    return tuple(square / whole for square in squares)
