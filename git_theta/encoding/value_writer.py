"""The value writer: stores a value as the cheapest payload, and gives the manifest entry that names it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, groupby

from git_theta.encoding.allowed_updates import OnFailure
from git_theta.encoding.budget import can_be_derived, can_be_extended
from git_theta.encoding.candidates import BaseCandidate, candidate_from, usable_bases
from git_theta.encoding.choice import EncodingChoice
from git_theta.encoding.forms import derived_candidates
from git_theta.encoding.selection import choices, dense_choice, repeated_choice
from git_theta.errors import CorruptError, MissingObjectError, PluginError, ValueChangedError
from git_theta.model.digest import digest
from git_theta.model.manifest import Entry, ObjectRef, Source
from git_theta.model.tensor import TensorSpec
from git_theta.settings import DEFAULT_DEPTH
from git_theta.store.batch import Batch
from git_theta.store.local import LocalStore
from git_theta.store.pack_buffer import BufferedPayload
from git_theta.store.packs import PACK_BELOW, pack
from git_theta.updates import AUTO
from git_theta.updates.arrange import Arrange
from git_theta.updates.base import UnsuitableError

#: Bytes of the smallest value that is looked for in values of another form: small ones cost less than that.
_LEAST_DERIVED = 1 << 10

#: Finds a source by the digest of its value, among everything that was ever stored here.
FindSource = Callable[[str], Source | None]


@dataclass(frozen=True, slots=True)
class _SmallPayload:
    """A payload that waits to share a pack with others.

    Attributes:
        payload: The encoded bytes.
        lost: The range of a missing object that the payload restores; `None` for a new payload.
    """

    payload: BufferedPayload
    lost: ObjectRef | None = None


@dataclass(frozen=True, slots=True)
class _UnpackedSource:
    """A source whose small payloads have no place in a pack yet."""

    update: str
    payload: ObjectRef | _SmallPayload
    inputs: tuple[Source | _UnpackedSource, ...]

    def small_payloads(self) -> Iterator[_SmallPayload]:
        """The payloads of the tree that are to be packed."""
        if isinstance(self.payload, _SmallPayload):
            yield self.payload
        for part in self.inputs:
            if isinstance(part, _UnpackedSource):
                yield from part.small_payloads()

    def source(self, packed: Mapping[BufferedPayload, ObjectRef]) -> Source:
        """The source, once every payload has its place in a pack."""
        payload = packed[self.payload.payload] if isinstance(self.payload, _SmallPayload) else self.payload
        inputs = (part.source(packed) if isinstance(part, _UnpackedSource) else part for part in self.inputs)
        return Source(self.update, payload, tuple(inputs))


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
    source: Source | _UnpackedSource

    def check_unchanged(self, value: memoryview) -> None:
        """Check that the bytes that were encoded still have the digest that was taken before.

        The payload of a value in a mapped file that a program writes to would decode to other bytes, and
        the file's times may not tell.

        Args:
            value: Logical bytes.

        Raises:
            ValueChangedError: They haven't.
        """
        if isinstance(self.source, _UnpackedSource) and digest(value) != self.digest:
            raise ValueChangedError(
                f"the file was written to while {self.name!r} was stored", "try again when it's quiet"
            )


@dataclass(frozen=True, slots=True)
class ValueWriter:
    """Stores values, each as the cheapest update of its bases.

    Attributes:
        store: The local object store.
        batch: The transaction that puts objects into the store.
        sources: Preferred sources of values, by digest: those of earlier manifests.
        known: Finds a source by digest in everything stored so far; asked after `sources`.
        updates: Names of the updates that may be chosen; `dense` always may.
        depth: Maximal number of updates in a chain, but for ones that save much; see `usable_bases`.
        lazy: Whether objects that `sources` name but the store lacks are on a remote, so that their values
            needn't be stored again.
        failed: Called for each update of a package that fails; the value is then stored in another way.
    """

    store: LocalStore
    batch: Batch
    sources: Mapping[str, Source]
    known: FindSource = lambda _digest: None
    updates: Sequence[str] = AUTO
    depth: int = DEFAULT_DEPTH
    lazy: bool = False
    failed: OnFailure = lambda _error: None

    def write(
        self,
        name: str,
        spec: TensorSpec,
        value: memoryview,
        bases: Iterable[Entry] = (),
        relatives: Iterable[Entry] = (),
    ) -> StoredValue:
        """Store a value, unless the store has it.

        Args:
            name: The parameter's name.
            spec: Dtype and shape.
            value: Logical bytes: C-contiguous, little-endian, `spec.nbytes` of them.
            bases: Parameters that the value may be an update of; a lazy iterable isn't read for a value that
                is stored already.
            relatives: Parameters that it may be made of, arranged otherwise; the bases count too. A lazy
                iterable isn't read if a base will do.

        Raises:
            ThetaError: The store can't be written.
        """
        key = digest(value)
        before = self.sources.get(key)
        if before and (self.has(before) or self.lazy):
            return StoredValue(name, spec, key, before)
        source = self.known(key)
        if source and self.has(source):
            return StoredValue(name, spec, key, source)
        if before:
            # Encoding is deterministic: a lost object comes back under its name.
            again = self._restored(value, spec, before)
            if again:
                return StoredValue(name, spec, key, self._encode(again, before.payload))
        bases = list(bases)
        candidates = (
            candidate_from(entry, source, self.store, at_limit)
            for entry in bases
            for source, at_limit in usable_bases(entry.source, entry.spec.nbytes, self.depth, self.store.size)
            if self.has(source) and can_be_extended(source, entry.spec.nbytes, self.store)
        )
        derived = partial(self._derived, value, spec, chain(bases, relatives))
        for choice in choices(value, spec, candidates, self.updates, self.failed, derived):
            try:
                return StoredValue(name, spec, key, self._encode(choice))
            except PluginError as error:
                self.failed(error)
            except (UnsuitableError, CorruptError, MissingObjectError):
                # The value is at hand: a damaged base only means another choice.
                continue
        raise AssertionError("dense is always possible")

    def _derived(
        self, value: memoryview, spec: TensorSpec, relatives: Iterable[Entry]
    ) -> Iterator[BaseCandidate]:
        """Bases that are made of stored values, and that every reader accepts."""
        if Arrange.name not in self.updates or spec.nbytes < _LEAST_DERIVED:
            return
        usable = [
            candidate_from(entry, source, self.store, at_limit)
            for entry in relatives
            for source, at_limit in usable_bases(
                entry.source, entry.spec.nbytes, self.depth, self.store.size
            )[:1]
            if self.has(source)
        ]
        for candidate in derived_candidates(value, spec, usable):
            choice = candidate.source
            if isinstance(choice, EncodingChoice) and can_be_derived(choice, spec.nbytes, self.store):
                yield candidate

    def write_derived(
        self, name: str, spec: TensorSpec, key: str, update: str, payload: bytes, inputs: tuple[Source, ...]
    ) -> StoredValue:
        """Store a value as a small payload that computes it from other values, once for equal payloads.

        Args:
            name: The parameter's name.
            spec: Dtype and shape.
            key: Digest of the value.
            update: Name of the update, for example `recipe`.
            payload: The update's payload.
            inputs: Sources of the other values.

        Raises:
            ThetaError: The store can't be written.
        """
        return StoredValue(
            name, spec, key, _UnpackedSource(update, _SmallPayload(self.batch.buffer.put(payload)), inputs)
        )

    def source_of(self, key: str) -> Source | None:
        """The source of a value by its digest; `None` if it isn't known. Its objects may be missing."""
        return self.sources.get(key) or self.known(key)

    def has(self, source: Source) -> bool:
        """Whether the store has every object of a source.

        If so, the objects are protected from pruning until a manifest names them.
        """
        return all(self.store.claim(ref.oid) for ref in source.payloads())

    def _restored(self, value: memoryview, spec: TensorSpec, lost: Source) -> EncodingChoice | None:
        """The choice that gives a lost payload again; `None` if its bases are lost too."""
        if lost.update == "dense":
            return dense_choice(value, spec)
        if all(self.has(part) for part in lost.inputs):
            return repeated_choice(value, spec, lost, self.store)
        return None

    def _encode(self, choice: EncodingChoice, lost: ObjectRef | None = None) -> _UnpackedSource:
        """Encode a choice, and the choices below; payloads of at least `PACK_BELOW` bytes become objects."""
        inputs = tuple(
            self._encode(part) if isinstance(part, EncodingChoice) else part for part in choice.inputs
        )
        pieces = choice.payload()
        head, size = [], 0
        for piece in pieces:
            # The piece's buffer is reused by the next one.
            head.append(bytes(piece))
            size += len(piece)
            if size >= PACK_BELOW:
                return _UnpackedSource(choice.update, self.batch.put(chain(head, pieces)), inputs)
        payload = self.batch.buffer.put(b"".join(head))
        return _UnpackedSource(choice.update, _SmallPayload(payload, lost), inputs)


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
            for small in value.source.small_payloads() if isinstance(value.source, _UnpackedSource) else ():
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
            value.source.source(packed) if isinstance(value.source, _UnpackedSource) else value.source,
        )
        for value in stored
    ]
