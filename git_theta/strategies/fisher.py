"""Fisher merging: an average in which each element counts by how much its model depends on it."""

from __future__ import annotations

from dataclasses import dataclass

from git_theta.errors import UsageError
from git_theta.strategies.base import Case, weights
from git_theta.strategies.lazy_array import LazyArray, where
from git_theta.strategies.task_vectors import combination, shares_of, times, total


@dataclass(frozen=True, slots=True)
class FisherOptions:
    """Of `fisher`.

    Attributes:
        weights: One for each model, which multiplies its Fisher information; equal if none are given.
    """

    weights: tuple[float, ...] = ()


class Fisher:
    """The average weighted by Fisher information; the plain weighted average where all of it is 0.

    Matena and Raffel, "Merging models with Fisher-weighted averaging", NeurIPS 2022,
    https://arxiv.org/abs/2111.09832.
    """

    name = "fisher"
    options = FisherOptions
    reads_files = True
    needs_base = False
    most: int | None = None

    def merge(self, case: Case, options: FisherOptions) -> LazyArray:
        """The merged numbers.

        Raises:
            UsageError: There isn't Fisher information for each model, or some is negative.
        """
        shares = shares_of(weights(options.weights, len(case.models)))
        if len(case.beside) != len(case.models):
            raise UsageError(
                f"{case.name} has Fisher information for {len(case.beside)} of {len(case.models)} models",
                "Give a file of it for each model, with the same names and shapes as the model's.",
            )
        if any((fisher < 0.0).total() for fisher in case.beside):
            raise UsageError(f"the Fisher information of {case.name} has negative elements")
        parts = [times(share, fisher) for share, fisher in zip(shares, case.beside, strict=True)]
        divisor = total(parts)
        unknown = divisor.equals(0.0)
        products = [part * model for part, model in zip(parts, case.models, strict=True)]
        return where(
            unknown, combination(shares, case.models), total(products) / where(unknown, 1.0, divisor)
        )
