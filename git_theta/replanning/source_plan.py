"""The plan for all values: the families that are stored anew, and what that takes and frees."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from git_theta.model.manifest import ObjectRef
from git_theta.model.sizes import payload_bytes
from git_theta.replanning.family import FamilyPlan, comparable_groups, plan_families
from git_theta.replanning.known_value import KnownValues
from git_theta.replanning.sketching import sketch_values
from git_theta.store.local import LocalStore
from git_theta.store.sketch_cache import SketchCache


@dataclass(frozen=True, slots=True)
class SourcePlan:
    """The families that are to be stored anew.

    Attributes:
        families: Their plans.
        before: Bytes of the payloads of all values now.
        after: Expected bytes of those that are needed by the plan.
        new: Expected bytes of payloads that aren't stored yet.
    """

    families: tuple[FamilyPlan, ...]
    before: int
    after: int
    new: int

    @property
    def changed(self) -> int:
        """The number of values whose own payload or base changes."""
        return sum(_is_changed(plan) for plan in self.families)


def plan_sources(
    known: KnownValues,
    store: LocalStore,
    sketches: SketchCache,
    depth: int | None,
    usual_depth: int,
    threads: int,
    progress: Callable[[int], object],
) -> SourcePlan:
    """Plan the sources of values.

    Args:
        known: The values.
        store: Where their objects are.
        sketches: Kept sketches; new ones are added.
        depth: See `plan_families`.
        usual_depth: See `plan_families`.
        threads: Number of values to read at once.
        progress: Called with the bytes of each compared value.
    """
    digests = known.digests_by_source()
    found: list[FamilyPlan] = []
    with ThreadPoolExecutor(threads) as pool:
        for group in comparable_groups(known.values.values()):
            keys = sketch_values(group, sketches, store, pool, progress)
            plans = plan_families(group, keys, depth, usual_depth, digests.get, store.size)
            found += (plan for plan in plans if plan.pays and _is_changed(plan))
    before = payload_bytes(all_payloads(known), store.size)
    saved = sum(plan.before - plan.after for plan in found)
    return SourcePlan(tuple(found), before, before - saved, sum(plan.new for plan in found))


def all_payloads(known: KnownValues) -> set[ObjectRef]:
    """The payloads of all sources of all values."""
    stored = {ref for value in known.values.values() for source in value.sources for ref in source.payloads()}
    return stored | known.needed


def _is_changed(plan: FamilyPlan) -> int:
    """The number of values of a family whose chain changes somewhere."""
    changed: dict[str, bool] = {}
    count = 0
    for planned in plan.values:
        value = planned.value
        differs = planned.kept != value.current or (planned.base is not None and changed[planned.base.digest])
        changed[value.digest] = differs
        count += differs
    return count
