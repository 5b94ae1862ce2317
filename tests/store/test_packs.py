from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from git_theta.errors import ThetaError
from git_theta.model.manifest import ObjectRef
from git_theta.store import packs
from git_theta.store.batch import Batch
from git_theta.store.local import LocalStore
from git_theta.store.pack_buffer import BufferedPayload
from git_theta.store.packs import pack


def stored(store: LocalStore, place: ObjectRef) -> bytes:
    whole = store.get(place.oid)
    assert place.size == len(whole)
    length = len(whole) if place.length is None else place.length
    return bytes(whole[place.offset :][:length])


def test_payloads_share_packs_of_bounded_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packs, "_TARGET", 1000)
    store = LocalStore(tmp_path)
    payloads = [os.urandom(200 + n) for n in range(23)]
    with Batch(store) as batch:
        held = [batch.buffer.put(payload) for payload in payloads]
        places = pack(held, batch)
    assert [stored(store, places[item]) for item in held] == payloads
    sizes = [size for _, size in store.list()]
    assert len(sizes) == 5
    assert max(sizes) < 1000 + max(map(len, payloads))


def test_equal_payloads_are_in_one_place(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    with Batch(store) as batch:
        places = pack((batch.buffer.put(payload) for payload in (b"one", b"other", b"one")), batch)
    assert sorted(stored(store, place) for place in places.values()) == [b"one", b"other"]
    assert [size for _, size in store.list()] == [8]


def test_one_payload_is_an_object_of_its_own(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    with Batch(store) as batch:
        (place,) = pack([batch.buffer.put(b"alone")], batch).values()
    assert (place.offset, place.length) == (0, None)
    assert stored(store, place) == b"alone"


def test_a_pack_is_written_while_payloads_are_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packs, "_TARGET", 100)
    store = LocalStore(tmp_path)
    waiting = []

    with Batch(store) as batch:

        def made() -> Iterator[BufferedPayload]:
            for n in range(50):
                waiting.append(len(batch.buffer._in_memory))
                yield batch.buffer.put(bytes([n]) * 30)

        pack(made(), batch)
    assert max(waiting) <= 1


def test_a_payload_that_cannot_be_made_leaves_nothing(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)

    def made(batch: Batch) -> Iterator[BufferedPayload]:
        yield batch.buffer.put(b"one")
        raise ThetaError("no more")

    with pytest.raises(ThetaError, match="no more"), Batch(store) as batch:
        pack(made(batch), batch)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
