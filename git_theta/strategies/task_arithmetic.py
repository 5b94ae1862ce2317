"""Task arithmetic: the merge base and the weighted sum of all task vectors."""

from __future__ import annotations

from dataclasses import dataclass

from git_theta.strategies.base import Case, Strategy, base_value, model_weights
from git_theta.strategies.lazy_array import LazyArray, where
from git_theta.strategies.options import option
from git_theta.strategies.task_vectors import task_vectors
from git_theta.strategies.vector_sums import sum_of_weights, weighted_total


@dataclass(frozen=True, slots=True)
class TaskArithmeticOptions:
    """Options of `task-arithmetic`."""

    weights: tuple[float, ...] = option((), "One for each model; 1 if not given.")
    scale: float = option(1.0, "The factor of the sum of all changes: the paper's λ.")
    normalize: bool = option(False, "Whether the sum is divided by the sum of the weights.")


class TaskArithmetic(Strategy):
    """The base plus the weighted sum of all task vectors, the changes of each model to the base.

    Ilharco et al., "Editing models with task arithmetic", ICLR 2023, https://arxiv.org/abs/2212.04089.
    """

    name = "task-arithmetic"
    options = TaskArithmeticOptions
    needs_base = True
    for_all = "with-options"

    def merge(self, case: Case, options: TaskArithmeticOptions) -> LazyArray:
        """`base + scale * sum(weight * (model - base))`."""
        weights = model_weights(options.weights, len(case.models))
        if weights == (1.0, 1.0) and options.scale == 1 and not options.normalize:
            ours, theirs = case.models
            return with_change(ours, base_value(case), theirs)
        base, deltas = task_vectors(case)
        change = weighted_total(deltas, weights)
        if options.normalize:
            change = change / sum_of_weights(weights)
        return base + (change if options.scale == 1 else change * options.scale)


def with_change(ours: LazyArray, base: LazyArray, theirs: LazyArray) -> LazyArray:
    """`ours + (theirs - base)`, which is exactly ours or theirs where only one of them differs from the base.

    The sum alone would lose bits there: the sign of zero, infinities, and the last bits of float64 numbers.
    """
    moved = where(ours.equals(base), theirs, ours + (theirs - base))
    return where(theirs.equals(base), ours, moved)
