"""Repacking: payloads that are still needed, copied out of objects of which most isn't needed any more."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Mapping

from git_theta.encoding.stored_payload import read_payload
from git_theta.model.manifest import ObjectRef, Source
from git_theta.store.batch import Batch
from git_theta.store.local import LocalStore
from git_theta.store.packs import pack

#: An object is kept if at least this share of its bytes is needed.
_MIN_NEEDED = 0.8


def payloads_to_copy(sources: Iterable[Source], store: LocalStore, pinned: Container[str]) -> list[ObjectRef]:
    """The needed payloads of objects of which too little is needed, in the order of the objects.

    Args:
        sources: All sources that are needed.
        store: Where the objects are.
        pinned: Names of objects that stay in any case.
    """
    by_object: dict[str, set[ObjectRef]] = defaultdict(set)
    for source in sources:
        for ref in source.payloads():
            by_object[ref.oid].add(ref)
    found: list[ObjectRef] = []
    for oid, refs in by_object.items():
        size = store.size(oid)
        if oid in pinned or size is None or any(ref.length is None for ref in refs):
            continue
        if sum(ref.length or 0 for ref in refs) < _MIN_NEEDED * size:
            found += refs
    return sorted(found, key=lambda ref: (ref.oid, ref.offset, ref.length or 0))


def copy_payloads(refs: Iterable[ObjectRef], store: LocalStore) -> dict[ObjectRef, ObjectRef]:
    """Copy payloads to new packs, synced when this returns; the new place of each.

    Raises:
        ThetaError: An object can't be read, or the store can't be written.
    """
    with Batch(store) as batch:
        buffered = {ref: batch.buffer.put(bytes(read_payload(ref, store))) for ref in refs}
        places = pack(buffered.values(), batch)
    return {ref: places[payload] for ref, payload in buffered.items()}


def moved(source: Source, places: Mapping[ObjectRef, ObjectRef]) -> Source:
    """A source whose payloads are at their new places."""
    if not places:
        return source
    payload = places.get(source.payload, source.payload) if source.payload else None
    return Source(source.update, payload, tuple(moved(part, places) for part in source.inputs), source.place)
