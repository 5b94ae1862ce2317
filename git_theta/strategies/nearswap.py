"""NearSwap: take theirs where the two are near, and go a fixed step towards it elsewhere."""

from __future__ import annotations

import math
from dataclasses import dataclass

from git_theta.strategies.base import Case, within
from git_theta.strategies.lazy_array import LazyArray, where


@dataclass(frozen=True, slots=True)
class NearSwapOptions:
    """Of `nearswap`.

    Attributes:
        t: The most that an element of ours moves towards theirs.
    """

    t: float = within(1e-4, 0, math.inf)


class NearSwap:
    """Ours, each element moved by at most `t` towards theirs.

    From the model QuartetAnemoi-70B by alchemonaut, and from mergekit.
    """

    name = "nearswap"
    options = NearSwapOptions
    needs_base = False
    most: int | None = 2

    def merge(self, case: Case, options: NearSwapOptions) -> LazyArray:
        """The merged numbers."""
        ours, theirs = case.models
        difference = theirs - ours
        return where(abs(difference) <= options.t, theirs, ours + max(options.t, 0.0) * difference.sign())
