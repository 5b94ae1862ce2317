"""Linear: the weighted sum of the models."""

from __future__ import annotations

from dataclasses import dataclass

from git_theta.strategies.base import Case, Strategy, model_weights
from git_theta.strategies.lazy_array import LazyArray
from git_theta.strategies.options import option
from git_theta.strategies.vector_sums import sum_of_weights, weighted_total


@dataclass(frozen=True, slots=True)
class LinearOptions:
    """Options of `linear`."""

    weights: tuple[float, ...] = option((), "One for each model; 1 if not given.")
    normalize: bool = option(True, "Whether the sum is divided by the sum of the weights.")


class Linear(Strategy):
    """The weighted sum of the models.

    Wortsman et al., "Model soups: averaging weights of multiple fine-tuned models improves accuracy without
    increasing inference time", ICML 2022, https://arxiv.org/abs/2203.05482.
    """

    name = "linear"
    options = LinearOptions
    for_all = "always"

    def merge(self, case: Case, options: LinearOptions) -> LazyArray:
        """The sum, divided by the sum of the weights with `normalize`."""
        weights = model_weights(options.weights, len(case.models))
        total = weighted_total(case.models, weights)
        return total / sum_of_weights(weights) if options.normalize else total
