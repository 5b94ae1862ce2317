"""Fisher merging: an average in which each element counts by how much its model depends on it."""

from __future__ import annotations

from dataclasses import dataclass

from git_theta.errors import UsageError
from git_theta.strategies.base import Case, Strategy, model_weights
from git_theta.strategies.lazy_array import LazyArray, where
from git_theta.strategies.options import option
from git_theta.strategies.vector_sums import combination, normalized, times, total


@dataclass(frozen=True, slots=True)
class FisherOptions:
    """Options of `fisher`."""

    weights: tuple[float, ...] = option(
        (), "One for each model, which multiplies its Fisher information; equal if none are given."
    )


class Fisher(Strategy):
    """The average weighted by Fisher information; the plain weighted average where all of it is 0.

    Matena and Raffel, "Merging models with Fisher-weighted averaging", NeurIPS 2022,
    https://arxiv.org/abs/2111.09832.
    """

    name = "fisher"
    options = FisherOptions
    reads_files = True

    def merge(self, case: Case, options: FisherOptions) -> LazyArray:
        """The weighted average of each element.

        Raises:
            UsageError: There isn't Fisher information for each model, or an element of it is negative.
        """
        weights = normalized(model_weights(options.weights, len(case.models)))
        information = case.side_inputs
        if len(information) != len(case.models):
            raise UsageError(
                f"{case.name} has Fisher information for {len(information)} of {len(case.models)} models",
                "Give a file of it for each model, with the same names and shapes as the model's.",
            )
        if any((each < 0.0).sum() for each in information):
            raise UsageError(f"the Fisher information of {case.name} has negative elements")
        factors = [times(weight, each) for weight, each in zip(weights, information, strict=True)]
        divisor = total(factors)
        unknown = divisor.equals(0.0)
        products = [factor * model for factor, model in zip(factors, case.models, strict=True)]
        return where(
            unknown, combination(weights, case.models), total(products) / where(unknown, 1.0, divisor)
        )
