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
    """Store payloads together, in their order, which says what comes out: the same ones, the same packs.

    Args:
        payloads: Payloads in the batch's buffer; asked for one by one as packs are written, so later ones
            may still be being made.
        batch: Puts the packs into the store.

    Returns:
        Where each payload is. Equal ones are in one place.

    Raises:
        ThetaError: The store can't be written.
    """
    places: dict[BufferedPayload, ObjectRef] = {}
    distinct = _distinct(payloads)
    for first in distinct:
        taken: list[BufferedPayload] = []
        whole = batch.put(batch.buffer.take(item) for item in _fill(chain((first,), distinct), taken))
        offset = 0
        for item in taken:
            places[item] = whole if len(taken) == 1 else ObjectRef(whole.oid, offset, item.size, whole.size)
            offset += item.size
    return places


def _distinct(payloads: Iterable[BufferedPayload]) -> Iterator[BufferedPayload]:
    seen = set()
    for payload in payloads:
        if payload not in seen:
            seen.add(payload)
            yield payload


def _fill(payloads: Iterator[BufferedPayload], taken: list[BufferedPayload]) -> Iterator[BufferedPayload]:
    """Payloads for one pack; they're noted as they're given out."""
    size = 0
    for payload in payloads:
        taken.append(payload)
        size += payload.size
        yield payload
        if size >= _TARGET:
            return
