"""median: what is in the middle of ours, theirs and base, element by element."""

from dataclasses import dataclass

from git_theta.strategies.base import Case, within
from git_theta.strategies.lazy_array import LazyArray, maximum, minimum


@dataclass(frozen=True, slots=True)
class MedianOptions:
    """Options of `median`.

    Attributes:
        scale: Factor on the change from the base to the median.
    """

    scale: float = within(1.0, 0, 2)


class Median:
    """The median of ours, theirs and base: an element that only one side changed keeps its base."""

    name = "median"
    options = MedianOptions
    needs_base = True
    most = 2

    def merge(self, case: Case, options: MedianOptions) -> LazyArray:
        ours, theirs = case.models
        median = maximum(minimum(ours, theirs), minimum(maximum(ours, theirs), case.base))
        return case.base + options.scale * (median - case.base)
