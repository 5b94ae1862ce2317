"""SCE: select where models differ, calculate their weights, erase what disagrees on the sign."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import and_

from git_theta.strategies.base import Case, within
from git_theta.strategies.lazy_array import LazyArray, where
from git_theta.strategies.task_vectors import agreeing_sum, elect, task_vectors, total


@dataclass(frozen=True, slots=True)
class SceOptions:
    """Of `sce`.

    Attributes:
        density: Of the elements in which models differ, the share where they differ most, which is merged;
            the others stay as in the merge base (in mergekit: `select_topk`).
    """

    density: float = within(1.0, 0, 1)


class Sce:
    """An average of the changes that agree on the sign; models that changed the parameter more weigh more.

    Wan et al., "FuseChat", 2024, https://arxiv.org/abs/2408.07990.
    """

    name = "sce"
    options = SceOptions
    needs_base = True
    most: int | None = None

    def merge(self, case: Case, options: SceOptions) -> LazyArray:
        """The merged numbers."""
        base, deltas = task_vectors(case)
        if options.density <= 0:
            return base
        if options.density < 1:
            mask = _select(deltas, options.density)
            deltas = [where(mask, delta, 0.0) for delta in deltas]
        return base + agreeing_sum(deltas, _energies(deltas), elect(deltas), normalize=True)


def _select(deltas: Sequence[LazyArray], density: float) -> LazyArray:
    """A mask of the elements with the largest variance across models."""
    same = reduce(and_, (delta.equals(deltas[0]) for delta in deltas[1:]))
    mean = total(deltas) / len(deltas)
    spread = total([(delta - mean) * (delta - mean) for delta in deltas])
    return spread.top(int((~same).total() * density))


def _energies(deltas: Sequence[LazyArray]) -> tuple[float, ...]:
    """The share of each task vector in the sum of all squares; equal if that sum is 0 or isn't finite."""
    squares = [delta.dot(delta) for delta in deltas]
    whole = sum(squares)
    if not 0 < whole < math.inf:
        return (1 / len(deltas),) * len(deltas)
    return tuple(square / whole for square in squares)
