"""Stored values as inputs of updates: read as a whole, or by parts where these are decoded by themselves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from git_theta.codecs.frames import CHUNK
from git_theta.encoding.stored_payload import read_payload
from git_theta.model.manifest import Source
from git_theta.store.base import Store
from git_theta.updates.base import Input, Pieces
from git_theta.updates.delta import Delta
from git_theta.updates.dense import Dense
from git_theta.updates.rechunk import cut, rechunk


class StoredInput:
    """The value of a source as an input of an update; a part of a dense one is decoded by itself.

    Args:
        source: The source.
        store: Where its objects are.
        whole: Gives all of the value.
        verified: Whether the objects of parts are checked, as `whole` checks the value.
    """

    __slots__ = ("_source", "_store", "_verified", "_whole")

    def __init__(self, source: Source, store: Store, whole: Input, *, verified: bool = False) -> None:
        self._source = source
        self._store = store
        self._whole = whole
        self._verified = verified

    def __call__(self, nbytes: int) -> Pieces:
        """All bytes."""
        return self._whole(nbytes)

    def part(self, nbytes: int, start: int, end: int) -> Pieces:
        """The bytes in a range."""
        source = self._source
        if source.update != Dense.name or source.place is not None or source.payload is None:
            yield from cut(self._whole(nbytes), start, end)
            return
        if self._verified:
            self._store.verify(source.payload.oid)
        payload = read_payload(source.payload, self._store)
        yield from Dense().decode_part(payload, nbytes, start, end)

    def glimpses(self, nbytes: int, size: int, places: Sequence[int]) -> Iterator[bytes]:
        """Some chunks; those of dense values and of deltas are decoded by themselves, without a check."""
        if size == CHUNK and _has_chunks(self._source, self._store):
            yield from _decode_chunks(self._source, self._store, nbytes, places)
        else:
            wanted = set(places)
            chunks = enumerate(rechunk(self._whole(nbytes), size, nbytes))
            yield from (bytes(chunk) for at, chunk in chunks if at in wanted)


def _has_chunks(source: Source, store: Store) -> bool:
    """Whether chunks of a value can be decoded by themselves: it's dense, or a delta of such a value."""
    if source.place is not None or source.payload is None or not store.has(source.payload.oid):
        return False
    if source.update == Delta.name:
        return len(source.inputs) == 1 and _has_chunks(source.inputs[0], store)
    return source.update == Dense.name


def _decode_chunks(source: Source, store: Store, nbytes: int, places: Sequence[int]) -> Iterator[bytes]:
    """Some chunks of a value that has them, of `CHUNK` bytes each."""
    payload = read_payload(source.payload, store) if source.payload else memoryview(b"")
    if source.inputs:
        base = _decode_chunks(source.inputs[0], store, nbytes, places)
        yield from Delta().decode_chunks(payload, base, nbytes, places)
    else:
        for place in places:
            start, end = place * CHUNK, min((place + 1) * CHUNK, nbytes)
            yield b"".join(map(bytes, Dense().decode_part(payload, nbytes, start, end)))
