"""Averages: of the models, and of models and their merge base."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from git_theta.strategies.base import Case, Strategy, base_value, model_weights
from git_theta.strategies.lazy_array import LazyArray
from git_theta.strategies.options import option
from git_theta.strategies.vector_sums import sum_of_weights, weighted_total


@dataclass(frozen=True, slots=True)
class AverageOptions:
    """Options of the averages."""

    weights: tuple[float, ...] = option(
        (), "One for each averaged value, the base last; all equal if not given."
    )


class Average(Strategy):
    """The weighted sum of the models, divided by the sum of the weights.

    Wortsman et al., "Model soups: averaging weights of multiple fine-tuned models improves accuracy without
    increasing inference time", ICML 2022, https://arxiv.org/abs/2203.05482.
    """

    name = "average"
    options = AverageOptions
    for_all = "always"

    def merge(self, case: Case, options: AverageOptions) -> LazyArray:
        """The weighted average of the values that take part."""
        values = self._values(case)
        weights = model_weights(options.weights, len(values))
        return weighted_total(values, weights) / sum_of_weights(weights)

    def _values(self, case: Case) -> Sequence[LazyArray]:
        return case.models


class AverageAll(Average):
    """The average of all models and the base.

    As WiSE-FT for several models: Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR 2022,
    https://arxiv.org/abs/2109.01903.
    """

    name = "average-all"
    needs_base = True

    def _values(self, case: Case) -> Sequence[LazyArray]:
        return (*case.models, base_value(case))


class AverageOursBase(Average):
    """The average of our model and the base.

    WiSE-FT: Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR 2022,
    https://arxiv.org/abs/2109.01903.
    """

    name = "average-ours-base"
    needs_base = True

    def _values(self, case: Case) -> Sequence[LazyArray]:
        return (case.models[0], base_value(case))


class AverageTheirsBase(Average):
    """The average of their model and the base.

    WiSE-FT: Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR 2022,
    https://arxiv.org/abs/2109.01903.
    """

    name = "average-theirs-base"
    needs_base = True
    max_models = 2

    def _values(self, case: Case) -> Sequence[LazyArray]:
        return (case.models[-1], base_value(case))
