"""Packs: objects that small payloads share, each written while its payloads are being made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

from git_theta.model.manifest import ObjectRef
from git_theta.store.batch import Batch
from git_theta.store.pack_buffer import BufferedPayload

#: A payload of at least this many bytes is an object of its own.
PACK_BELOW = 1 << 20

#: A pack is closed when it has reached this many bytes.
_TARGET = 32 << 20


def pack(payloads: Iterable[BufferedPayload], batch: Batch) -> dict[BufferedPayload, ObjectRef]:
    """Store small payloads together, in the given order: the same payloads give the same packs.

    Args:
        payloads: Payloads in the buffer of the batch. They are asked for while packs are written, so later
            ones may be made meanwhile.
        batch: Batch that stores the packs.

    Returns:
        The place of each payload. Equal payloads share one.

    Raises:
        ThetaError: The store can't be written.
    """
    places: dict[BufferedPayload, ObjectRef] = {}
    distinct = _distinct(payloads)
    for first in distinct:
        packed: list[BufferedPayload] = []
        whole = batch.put(batch.buffer.take(each) for each in _fill(chain((first,), distinct), packed))
        offset = 0
        for each in packed:
            places[each] = whole if len(packed) == 1 else ObjectRef(whole.oid, offset, each.size, whole.size)
            offset += each.size
    return places


def _distinct(payloads: Iterable[BufferedPayload]) -> Iterator[BufferedPayload]:
    seen = set()
    for payload in payloads:
        if payload not in seen:
            seen.add(payload)
            yield payload


def _fill(payloads: Iterator[BufferedPayload], packed: list[BufferedPayload]) -> Iterator[BufferedPayload]:
    """Payloads for one pack, until it's large enough; each is appended to `packed`."""
    size = 0
    for payload in payloads:
        packed.append(payload)
        size += payload.size
        yield payload
        if size >= _TARGET:
            return
