"""RAM: changes that only one model made stay as they are, changes of several models are averaged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from git_theta.strategies.base import Case, Strategy
from git_theta.strategies.lazy_array import LazyArray, where
from git_theta.strategies.options import option
from git_theta.strategies.task_vectors import task_vectors
from git_theta.strategies.vector_sums import times, total


@dataclass(frozen=True, slots=True)
class RamOptions:
    """Options of `ram`."""

    epsilon: float = option(1e-5, "A change of this much or less counts as none.")
    boost: float = option(
        0.0,
        "How much changes of one model alone are scaled up, per element that it shares for each that it "
        "doesn't: RAM+ (mergekit's `ramplus_tl`, where it's `r`, 0.1). 0 is RAM.",
    )
    limit: float = option(
        0.2, "The most shared elements for each unshared one that count for `boost` (in mergekit: `alpha`)."
    )


class Ram(Strategy):
    """Average the changes where several models made one; where one model did, take all of it.

    Yuan et al., "Behavior knowledge merge in reinforced agentic models", 2026,
    https://arxiv.org/abs/2601.13572.
    """

    name = "ram"
    options = RamOptions
    needs_base = True

    def merge(self, case: Case, options: RamOptions) -> LazyArray:
        """The base plus each element's only change, or the mean of its changes."""
        base, deltas = task_vectors(case)
        changed = [abs(delta) > options.epsilon for delta in deltas]
        count = total(changed)
        unique = count.equals(1.0)
        factors = _factors(changed, unique, options)
        kept = [where(mask, delta, 0.0) for mask, delta in zip(changed, deltas, strict=True)]
        alone = total([times(factor, delta) for factor, delta in zip(factors, kept, strict=True)])
        return base + where(unique, alone, total(kept) / where(count > 1.0, count, 1.0))


def _factors(changed: Sequence[LazyArray], unique: LazyArray, options: RamOptions) -> list[float]:
    """For each model, the factor of the changes that it alone made."""
    if not options.boost:
        return [1.0] * len(changed)
    factors = []
    for mask in changed:
        alone = (mask & unique).sum()
        shared = mask.sum() - alone
        # A model without changes of its own has nothing to scale.
        ratio = shared / alone if alone else 0.0
        factors.append(1 + options.boost * min(max(ratio, 0.0), options.limit))
    return factors
