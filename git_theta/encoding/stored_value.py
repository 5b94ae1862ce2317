"""Stored values: encoded already, before their small payloads have places in packs; and their entries."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby

from git_theta.errors import ValueChangedError
from git_theta.model.digest import digest
from git_theta.model.manifest import Entry, ObjectRef, Source
from git_theta.model.tensor import TensorSpec
from git_theta.store.batch import Batch
from git_theta.store.pack_buffer import BufferedPayload
from git_theta.store.packs import pack


@dataclass(frozen=True, slots=True)
class SmallPayload:
    """A payload that waits to share a pack with others.

    Attributes:
        payload: The encoded bytes.
        lost: The range of a missing object that the payload restores; `None` for a new payload.
    """

    payload: BufferedPayload
    lost: ObjectRef | None = None


@dataclass(frozen=True, slots=True)
class UnpackedSource:
    """A source whose small payloads have no place in a pack yet; attributes are those of `Source`."""

    update: str
    payload: ObjectRef | SmallPayload
    inputs: tuple[Source | UnpackedSource, ...]
    place: int | None = None

    def small_payloads(self) -> Iterator[SmallPayload]:
        """The payloads of the tree that are to be packed."""
        if isinstance(self.payload, SmallPayload):
            yield self.payload
        for part in self.inputs:
            if isinstance(part, UnpackedSource):
                yield from part.small_payloads()

    def source(self, packed: Mapping[BufferedPayload, ObjectRef]) -> Source:
        """The source, once every payload has its place in a pack."""
        payload = packed[self.payload.payload] if isinstance(self.payload, SmallPayload) else self.payload
        inputs = (part.source(packed) if isinstance(part, UnpackedSource) else part for part in self.inputs)
        return Source(self.update, payload, tuple(inputs), self.place)


@dataclass(frozen=True, slots=True)
class StoredValue:
    """A parameter's value after it was encoded; `finalize` makes manifest entries of many at once.

    Attributes:
        name: The parameter's name.
        spec: Dtype and shape.
        digest: BLAKE3-256 of the logical bytes.
        source: How to obtain the bytes; without ranges in packs until `finalize`.
    """

    name: str
    spec: TensorSpec
    digest: str
    source: Source | UnpackedSource

    def check_unchanged(self, value: memoryview) -> None:
        """Check that the bytes that were encoded still have the digest that was taken before.

        The payload of a value in a mapped file that a program writes to would decode to other bytes, and
        the file's times may not tell.

        Args:
            value: Logical bytes.

        Raises:
            ValueChangedError: They haven't.
        """
        if isinstance(self.source, UnpackedSource) and digest(value) != self.digest:
            raise value_changed(self.name)


def value_changed(name: str) -> ValueChangedError:
    """The error for a parameter whose bytes changed while they were stored."""
    return ValueChangedError(
        f"the file was written to while {name!r} was stored", "try again when it's quiet"
    )


def finalize(values: Iterable[StoredValue], batch: Batch) -> list[Entry]:
    """Pack the small payloads; the manifest entries of all values, in the given order.

    Args:
        values: Stored values; a lazy iterable is consumed as it yields, so that packs fill while later
            values are still being encoded.
        batch: The transaction that the values were written in.

    Raises:
        ThetaError: The store can't be written.
    """
    stored: list[StoredValue] = []
    lost: list[tuple[ObjectRef, BufferedPayload]] = []

    def new_payloads() -> Iterator[BufferedPayload]:
        for value in values:
            stored.append(value)
            for small in value.source.small_payloads() if isinstance(value.source, UnpackedSource) else ():
                if small.lost:
                    lost.append((small.lost, small.payload))
                else:
                    yield small.payload

    packed = pack(new_payloads(), batch)
    # Restored payloads in their old order give the very pack that was lost.
    lost.sort(key=lambda item: (item[0].oid, item[0].offset))
    for _, group in groupby(lost, key=lambda item: item[0].oid):
        packed |= pack((payload for _, payload in group if payload not in packed), batch)
    return [
        Entry(
            value.name,
            value.spec,
            value.digest,
            value.source.source(packed) if isinstance(value.source, UnpackedSource) else value.source,
        )
        for value in stored
    ]
