"""Planned sources, written: new payloads from the bases up, and the sources that are made of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass

from git_theta.encoding.decode import read_value
from git_theta.encoding.stored_value import StoredValue, finalize
from git_theta.encoding.value_writer import ValueWriter
from git_theta.model.manifest import Source
from git_theta.model.strided import joined
from git_theta.replanning.family import FamilyPlan, PlannedValue
from git_theta.replanning.known_value import KnownValue
from git_theta.runtime.threads import stream_grouped
from git_theta.store.batch import Batch
from git_theta.store.local import LocalStore
from git_theta.updates import RESHAPING
from git_theta.updates.recipe import Recipe


@dataclass(frozen=True, slots=True)
class PlanWriter:
    """Writes the payloads of plans.

    Attributes:
        store: The store.
        updates: Names of the updates that may be chosen.
        depth: Number of updates in a chain at most.
        threads: Number of values to work on at once.
        progress: Called with the bytes of each value that was encoded.
    """

    store: LocalStore
    updates: Sequence[str]
    depth: int
    threads: int
    progress: Callable[[int], object]

    def write(self, plans: Iterable[FamilyPlan]) -> dict[str, Source]:
        """Encode the values that are to be encoded anew; returns the source of each planned value by digest.

        The new payloads are in the store, synced, when this returns. Nothing names them yet.

        Raises:
            ThetaError: The store can't be written, or a value can't be read.
        """
        levels: dict[int, list[PlannedValue]] = defaultdict(list)
        for plan in plans:
            steps: dict[str, int] = {}
            for planned in plan.values:
                steps[planned.value.digest] = steps[planned.base.digest] + 1 if planned.base else 0
                levels[steps[planned.value.digest]].append(planned)
        sources: dict[str, Source] = {}
        for level in sorted(levels):
            self._write_level(levels[level], sources)
        return sources

    def _write_level(self, level: Sequence[PlannedValue], sources: dict[str, Source]) -> None:
        """Add the sources of values whose bases have one."""
        new = []
        for planned in level:
            kept = planned.kept
            if kept is None:
                new.append(planned)
            elif planned.base is None:
                sources[planned.value.digest] = kept
            else:
                # A payload is an update of a value, however that is obtained.
                made = Source(kept.update, kept.payload, (sources[planned.base.digest],))
                sources[planned.value.digest] = made
        new.sort(key=lambda planned: (-planned.value.spec.nbytes, planned.value.digest))
        with Batch(self.store) as batch, ThreadPoolExecutor(self.threads) as pool:
            # Updates that need one more update on top would make chains longer than planned.
            updates = [name for name in self.updates if name not in (*RESHAPING, Recipe.name)]
            writer = ValueWriter(self.store, batch, {}, updates=updates, depth=self.depth)

            def write(planned: PlannedValue) -> StoredValue:
                value = planned.value
                data = self._read(value)
                base = planned.base
                bases = [base.entry(sources[base.digest])] if base else []
                stored = writer.write(value.digest, value.spec, data, bases)
                self.progress(value.spec.nbytes)
                return stored

            with closing(stream_grouped(pool, write, new, lambda each: each.value.spec.nbytes)) as stored:
                entries = finalize(stored, batch)
        sources.update((entry.digest, entry.source) for entry in entries)

    def _read(self, value: KnownValue) -> memoryview:
        """The bytes of a value; of a large one, in a temporary file."""
        pieces = read_value(value.entry(), self.store)
        return joined(pieces, value.spec.nbytes, self.store.temporary_file)
