"""RAM: changes that only one model made stay as they are, those that several made are averaged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from git_theta.strategies.base import Case
from git_theta.strategies.lazy_array import LazyArray, where
from git_theta.strategies.task_vectors import task_vectors, times, total


@dataclass(frozen=True, slots=True)
class RamOptions:
    """Of `ram`.

    Attributes:
        epsilon: A change of this much or less counts as none.
        boost: How much changes of one model alone are scaled up, per element that it shares for each that it
            doesn't: RAM+ (mergekit's `ramplus_tl`, where it's `r`, 0.1). 0 is RAM.
        limit: The most shared elements for each unshared one that count for `boost` (in mergekit: `alpha`).
    """

    epsilon: float = 1e-5
    boost: float = 0.0
    limit: float = 0.2


class Ram:
    """Average the changes where several models made one; where one model did, take all of it.

    Yuan et al., "Behavior knowledge merge in reinforced agentic models", 2026,
    https://arxiv.org/abs/2601.13572.
    """

    name = "ram"
    options = RamOptions
    needs_base = True
    most: int | None = None

    def merge(self, case: Case, options: RamOptions) -> LazyArray:
        """The merged numbers."""
        base, deltas = task_vectors(case)
        changed = [abs(delta) > options.epsilon for delta in deltas]
        count = total(changed)
        unique = count.equals(1.0)
        factors = _factors(changed, unique, options)
        kept = [where(mask, delta, 0.0) for mask, delta in zip(changed, deltas, strict=True)]
        alone = total([times(factor, delta) for factor, delta in zip(factors, kept, strict=True)])
        return base + where(unique, alone, total(kept) / where(count > 1.0, count, 1.0))


def _factors(changed: Sequence[LazyArray], unique: LazyArray, options: RamOptions) -> list[float]:
    if not options.boost:
        return [1.0] * len(changed)
    factors = []
    for mask in changed:
        alone = (mask & unique).total()
        shared = mask.total() - alone
        # Where a model has nothing alone, there's nothing to scale.
        ratio = shared / alone if alone else 0.0
        factors.append(1 + options.boost * min(max(ratio, 0.0), options.limit))
    return factors
