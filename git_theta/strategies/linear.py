"""Linear combinations: of models, and of what they changed."""

from __future__ import annotations

from dataclasses import dataclass

from git_theta.strategies.average import based, divisor, weighted
from git_theta.strategies.base import Case, weights
from git_theta.strategies.lazy_array import LazyArray


@dataclass(frozen=True, slots=True)
class LinearOptions:
    """How much each model counts.

    Attributes:
        weights: One for each model; 1 if not given.
        normalize: Whether the sum is divided by the sum of the weights.
    """

    weights: tuple[float, ...] = ()
    normalize: bool = True


class Linear:
    """The weighted sum of the models.

    Wortsman et al., "Model soups", ICML 2022, https://arxiv.org/abs/2203.05482.
    """

    name = "linear"
    options = LinearOptions
    needs_base = False
    most: int | None = None

    def merge(self, case: Case, options: LinearOptions) -> LazyArray:
        """The sum, divided by that of the weights if asked for."""
        each = weights(options.weights, len(case.models))
        total = weighted(case.models, each)
        return total / divisor(each) if options.normalize else total


@dataclass(frozen=True, slots=True)
class TaskArithmeticOptions:
    """How much each change counts.

    Attributes:
        weights: One for each model; 1 if not given.
        scale: What the sum of all changes is multiplied by: the paper's λ.
        normalize: Whether the sum is divided by the sum of the weights.
    """

    weights: tuple[float, ...] = ()
    scale: float = 1.0
    normalize: bool = False


class TaskArithmetic:
    """The base and the weighted sum of what each model changed of it, its *task vector*.

    Ilharco et al., "Editing models with task arithmetic", ICLR 2023, https://arxiv.org/abs/2212.04089.
    """

    name = "task-arithmetic"
    options = TaskArithmeticOptions
    needs_base = True
    most: int | None = None

    def merge(self, case: Case, options: TaskArithmeticOptions) -> LazyArray:
        """`base + scale * sum(weight * (model - base))`."""
        base = based(case)
        each = weights(options.weights, len(case.models))
        change = weighted([model - base for model in case.models], each)
        if options.normalize:
            change = change / divisor(each)
        return base + (change if options.scale == 1 else change * options.scale)
