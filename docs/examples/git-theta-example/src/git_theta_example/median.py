"""median: what is in the middle of ours, theirs and base, element by element."""

from dataclasses import dataclass

from git_theta.strategies.base import Case, Strategy
from git_theta.strategies.lazy_array import LazyArray, maximum, minimum
from git_theta.strategies.options import option


@dataclass(frozen=True, slots=True)
class MedianOptions:
    """Options of `median`."""

    scale: float = option(1.0, "Factor on the change from the base to the median.", least=0, most=2)


class Median(Strategy):
    """The median of ours, theirs and base: an element that only one side changed keeps its base."""

    name = "median"
    options = MedianOptions
    needs_base = True
    max_models = 2

    def merge(self, case: Case, options: MedianOptions) -> LazyArray:
        """The base plus the scaled change to the median."""
        ours, theirs = case.models
        median = maximum(minimum(ours, theirs), minimum(maximum(ours, theirs), case.base))
        return case.base + options.scale * (median - case.base)
