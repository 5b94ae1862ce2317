"""Payloads that are copied out of objects of which most isn't needed."""

from __future__ import annotations

from pathlib import Path

from git_theta.encoding.stored_payload import read_payload
from git_theta.model.manifest import ObjectRef, Source
from git_theta.replanning.repack import copy_payloads, moved, payloads_to_copy
from git_theta.store.local import LocalStore


def test_needed_payloads_of_a_mostly_unneeded_object(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "theta")
    old, full = store.put([bytes(range(100))]), store.put([bytes(100)])
    whole = ObjectRef(store.put([b"whole"]))
    first, second = ObjectRef(old, 90, 10), ObjectRef(old, 5, 7)
    sources = [
        Source("delta", first, (Source("dense", second),)),
        Source("dense", second),
        Source("dense", ObjectRef(full, 0, 80)),
        Source("dense", whole),
        Source("dense", ObjectRef("e" * 64, 0, 1)),
    ]
    assert payloads_to_copy(sources, store, ()) == [second, first]
    assert payloads_to_copy(sources, store, {old}) == []
    places = copy_payloads([second, first], store)
    assert {ref.oid for ref in places.values()} == {store.put([bytes(range(5, 12)), bytes(range(90, 100))])}
    for ref, place in places.items():
        assert read_payload(place, store) == read_payload(ref, store)
    assert moved(sources[0], places) == Source("delta", places[first], (Source("dense", places[second]),))
    assert moved(sources[3], places) == sources[3]
    assert moved(sources[0], {}) == sources[0]
