"""NearSwap: take theirs where the two are near, and go a fixed step towards it elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

from git_theta.strategies.base import Case, Strategy
from git_theta.strategies.lazy_array import LazyArray, where
from git_theta.strategies.options import option


@dataclass(frozen=True, slots=True)
class NearSwapOptions:
    """Options of `nearswap`."""

    t: float = option(1e-4, "The most that an element of ours moves towards theirs.", least=0)


class NearSwap(Strategy):
    """Ours, each element moved by at most `t` towards theirs.

    From the model QuartetAnemoi-70B by alchemonaut,
    https://huggingface.co/alchemonaut/QuartetAnemoi-70B-t0.0001, and from mergekit,
    https://github.com/arcee-ai/mergekit.
    """

    name = "nearswap"
    options = NearSwapOptions
    max_models = 2

    def merge(self, case: Case, options: NearSwapOptions) -> LazyArray:
        """Theirs where the difference is at most `t`, else ours plus or minus `t`."""
        ours, theirs = case.models
        difference = theirs - ours
        return where(abs(difference) <= options.t, theirs, ours + max(options.t, 0.0) * difference.sign())
