"""New sources: those of all values once some were stored anew, and which of them are other than before."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from git_theta.encoding.decode import read_value
from git_theta.errors import ThetaError
from git_theta.model.manifest import Entry, Source
from git_theta.model.sizes import SizeOf, payload_bytes
from git_theta.replanning.family import FamilyPlan
from git_theta.replanning.known_value import KnownValue, KnownValues
from git_theta.replanning.repack import copy_payloads, moved, payloads_to_copy
from git_theta.runtime.threads import run_grouped
from git_theta.store.local import LocalStore

#: A family that was stored anew must take at most this share of what it took.
_MAX_SHARE = 0.99

#: The most updates in a chain of a value that isn't planned but made of planned ones.
_MAX_DEPTH = 16


@dataclass(frozen=True, slots=True)
class NewSources:
    """Sources of all values.

    Attributes:
        sources: The preferred source of each value by digest.
        before: Bytes of the objects that all sources need that there were.
        after: Bytes of the objects that the preferred ones need.
    """

    sources: Mapping[str, Source]
    before: int
    after: int

    def differing(self, known: KnownValues) -> list[Entry]:
        """Entries of the values that some manifest has another source for."""
        return [
            value.entry(self.sources[digest])
            for digest, value in known.values.items()
            if any(source != self.sources[digest] for source in value.named)
        ]


def paying(plans: Iterable[FamilyPlan], written: Mapping[str, Source], size_of: SizeOf) -> dict[str, Source]:
    """The written sources of those families that take less than before."""
    found: dict[str, Source] = {}
    for plan in plans:
        sources = {planned.value.digest: written[planned.value.digest] for planned in plan.values}
        payloads = {source.payload for source in sources.values() if source.payload}
        if plan.must or payload_bytes(payloads, size_of) <= _MAX_SHARE * plan.before:
            found |= sources
    return found


def new_sources(
    known: KnownValues, planned: Mapping[str, Source], store: LocalStore, pinned: frozenset[str]
) -> NewSources:
    """The sources of all values, given those that were planned and written.

    Payloads that keep an otherwise unneeded object are copied to new ones.

    Args:
        known: All values.
        planned: Sources by digest.
        store: The store.
        pinned: Names of objects that stay in any case.

    Raises:
        ThetaError: The store can't be read or written.
    """
    stays = pinned | {ref.oid for ref in known.needed}
    digests = known.digests_by_source()
    sources = {
        digest: planned[digest] if digest in planned else _made_of(value, planned, digests)
        for digest, value in known.values.items()
    }
    before = {ref.oid for value in known.values.values() for each in value.sources for ref in each.payloads()}
    places = copy_payloads(payloads_to_copy(sources.values(), store, stays), store)
    sources = {digest: moved(source, places) for digest, source in sources.items()}
    after = {ref.oid for source in sources.values() for ref in source.payloads()}
    return NewSources(sources, _bytes(before | stays, store), _bytes(after | stays, store))


def verified(
    entries: Iterable[Entry], store: LocalStore, threads: int, progress: Callable[[int], object]
) -> list[Entry]:
    """The entries whose sources give their values, each decoded and compared with its digest.

    Args:
        entries: The entries.
        store: Where their objects are.
        threads: Number of values to decode at once.
        progress: Called with the bytes of each value.
    """
    reader = store.without_alternatives

    def check(entry: Entry) -> Entry | None:
        progress(entry.spec.nbytes)
        try:
            for _ in read_value(entry, reader):
                pass
        except ThetaError:
            return None
        return entry

    largest_first = sorted(entries, key=lambda entry: (-entry.spec.nbytes, entry.digest))
    with ThreadPoolExecutor(threads) as pool:
        return [each for each in run_grouped(pool, check, largest_first, _nbytes) if each]


def _nbytes(entry: Entry) -> int:
    return entry.spec.nbytes


def _made_of(value: KnownValue, planned: Mapping[str, Source], digests: Mapping[Source, str]) -> Source:
    """A value's preferred source, standing on the planned sources of the values that it's made of."""

    def rebuilt(source: Source) -> Source:
        if not source.inputs:
            return source
        return Source(source.update, source.payload, tuple(map(on_planned, source.inputs)), source.place)

    def on_planned(source: Source) -> Source:
        stored = planned.get(digests.get(source, ""))
        return rebuilt(source) if stored is None else stored

    made = rebuilt(value.current)
    return made if made.depth <= max(_MAX_DEPTH, value.current.depth) else value.current


def _bytes(oids: Iterable[str], store: LocalStore) -> int:
    return sum(store.size(oid) or 0 for oid in set(oids) if store.keeps(oid))
