"""Keep: a value → objects in the store, in the cheapest way, and the entry that says where."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from git_theta.encoding.candidates import usable
from git_theta.encoding.selection import AUTOMATIC, Choice, base_of, choices, dense, repeated
from git_theta.errors import CorruptError, MissingObjectError
from git_theta.model.digest import digest
from git_theta.model.manifest import Entry, ObjectRef, Source
from git_theta.model.tensor import TensorSpec
from git_theta.settings import DEPTH
from git_theta.store.batch import Batch
from git_theta.store.local import LocalStore
from git_theta.store.pack_buffer import Held
from git_theta.store.packs import PACK_BELOW, pack
from git_theta.updates.base import Payload, UnsuitableError

#: Finds a source for a value by its digest, among everything that was ever stored here.
Known = Callable[[str], Source | None]


@dataclass(frozen=True, slots=True)
class _Small:
    """A payload that waits to be packed with others.

    Attributes:
        payload: Its encoded bytes.
        before: Where it was, if it's stored again because that is lost.
    """

    payload: Held
    before: ObjectRef | None = None


@dataclass(frozen=True, slots=True)
class _Draft:
    """A source whose payloads may still have to be packed."""

    update: str
    payload: ObjectRef | _Small
    inputs: tuple[Source | _Draft, ...]

    def small(self) -> Iterator[_Small]:
        """The payloads to pack."""
        if isinstance(self.payload, _Small):
            yield self.payload
        for part in self.inputs:
            if isinstance(part, _Draft):
                yield from part.small()

    def source(self, packed: Mapping[Held, ObjectRef]) -> Source:
        """The source, once everything is packed."""
        payload = packed[self.payload.payload] if isinstance(self.payload, _Small) else self.payload
        inputs = (part.source(packed) if isinstance(part, _Draft) else part for part in self.inputs)
        return Source(self.update, payload, tuple(inputs))


@dataclass(frozen=True, slots=True)
class Kept:
    """A value on its way into a manifest; `settle` makes entries of many at once.

    Attributes:
        name: Of the parameter.
        spec: Its dtype and shape.
        digest: Of its bytes.
        stored: Where it is, or will be.
    """

    name: str
    spec: TensorSpec
    digest: str
    stored: Source | _Draft


@dataclass(frozen=True, slots=True)
class Keeper:
    """Everything that storing values needs.

    Attributes:
        store: Where objects are.
        batch: Puts them there.
        sources: Where values of known digests are, by preference.
        known: Looks a digest up in everything stored so far.
        updates: Names of the updates that may be chosen; dense always may.
        depth: How many updates should stand on each other at most; see `bases.usable`.
        lazy: Whether objects that `sources` name and that aren't here are elsewhere.
    """

    store: LocalStore
    batch: Batch
    sources: Mapping[str, Source]
    known: Known = lambda _digest: None
    updates: Sequence[str] = AUTOMATIC
    depth: int = DEPTH
    lazy: bool = False

    def keep(self, name: str, spec: TensorSpec, value: memoryview, bases: Sequence[Entry] = ()) -> Kept:
        """Store a value, unless it's there already.

        Args:
            name: The parameter.
            spec: Its dtype and shape.
            value: Its logical bytes.
            bases: What it may be an update of.

        Raises:
            ThetaError: The store can't be written.
        """
        key = digest(value)
        before = self.sources.get(key)
        if before and (self.has(before) or self.lazy):
            return Kept(name, spec, key, before)
        source = self.known(key)
        if source and self.has(source):
            return Kept(name, spec, key, source)
        if before:
            # Encoding is deterministic, so that a lost object comes back under its name.
            again = self._again(value, spec, before)
            if again:
                return Kept(name, spec, key, self._write(again, before.payload))
        usable_bases = [
            base_of(entry, source, self.store, deep)
            for entry in bases
            for source, deep in usable(entry.source, entry.spec.nbytes, self.depth, self.store.size)
            if self.has(source)
        ]
        for choice in choices(value, spec, usable_bases, self.updates):
            try:
                return Kept(name, spec, key, self._write(choice))
            except (UnsuitableError, CorruptError, MissingObjectError):
                # A base that turns out to be damaged is no reason to fail: the value is at hand.
                continue
        raise AssertionError("dense is always possible")

    def keep_derived(
        self, name: str, spec: TensorSpec, key: str, update: str, payload: bytes, inputs: tuple[Source, ...]
    ) -> Kept:
        """Store a value that a small payload makes of other values; equal payloads are stored once.

        Args:
            name: The parameter.
            spec: Its dtype and shape.
            key: The value's digest.
            update: What makes it.
            payload: Of the update.
            inputs: The other values.

        Raises:
            ThetaError: The store can't be written.
        """
        return Kept(name, spec, key, _Draft(update, _Small(self.batch.hold.put(payload)), inputs))

    def has(self, source: Source) -> bool:
        """Whether every object of a source is there; if so, it stays until something names it."""
        return all(self.store.claim(ref.oid) for ref in source.payloads())

    def _again(self, value: memoryview, spec: TensorSpec, lost: Source) -> Choice | None:
        """The choice that was made before, if it can be made again."""
        if lost.update == "dense":
            return dense(value, spec)
        if all(self.has(part) for part in lost.inputs):
            return repeated(value, spec, lost, self.store)
        return None

    def _write(self, choice: Choice, before: ObjectRef | None = None) -> _Draft:
        inputs = tuple(self._write(part) if isinstance(part, Choice) else part for part in choice.inputs)
        pieces = choice.payload()
        head, size = [], 0
        for piece in pieces:
            # The piece's buffer is reused by the next one.
            head.append(bytes(piece))
            size += len(piece)
            if size >= PACK_BELOW:
                return _Draft(choice.update, self.batch.put(_chain(head, pieces)), inputs)
        return _Draft(choice.update, _Small(self.batch.hold.put(b"".join(head)), before), inputs)


def settle(values: Iterable[Kept], batch: Batch) -> list[Entry]:
    """Pack the small payloads, and say where every value is, in the given order.

    Args:
        values: Values, which may still be in the making: the packs are written as they come.
        batch: What they were kept with.

    Raises:
        ThetaError: The store can't be written.
    """
    kept: list[Kept] = []
    lost: list[tuple[ObjectRef, Held]] = []

    def new() -> Iterator[Held]:
        for value in values:
            kept.append(value)
            for small in value.stored.small() if isinstance(value.stored, _Draft) else ():
                if small.before:
                    lost.append((small.before, small.payload))
                else:
                    yield small.payload

    packed = pack(new(), batch)
    # In their old order, lost payloads give the pack that they were in.
    lost.sort(key=lambda item: (item[0].oid, item[0].offset))
    for _, group in groupby(lost, key=lambda item: item[0].oid):
        packed |= pack((payload for _, payload in group if payload not in packed), batch)
    return [
        Entry(
            value.name,
            value.spec,
            value.digest,
            value.stored.source(packed) if isinstance(value.stored, _Draft) else value.stored,
        )
        for value in kept
    ]


def _chain(head: list[bytes], rest: Payload) -> Payload:
    yield from head
    yield from rest
