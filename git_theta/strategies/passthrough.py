"""Passthrough: ours, times a factor."""

from __future__ import annotations

from dataclasses import dataclass

from git_theta.strategies.base import Case, Strategy
from git_theta.strategies.lazy_array import LazyArray
from git_theta.strategies.options import option
from git_theta.strategies.vector_sums import times


@dataclass(frozen=True, slots=True)
class PassThroughOptions:
    """Options of `passthrough`."""

    scale: float = option(1.0, "The factor of all elements.")


class PassThrough(Strategy):
    """Ours times a factor, whatever the other models have.

    From mergekit, https://github.com/arcee-ai/mergekit.
    """

    name = "passthrough"
    options = PassThroughOptions

    def merge(self, case: Case, options: PassThroughOptions) -> LazyArray:
        """Ours, scaled."""
        return times(options.scale, case.models[0])
