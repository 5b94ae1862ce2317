"""Clean: a file and what is already known → objects in the store and a manifest."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from git_theta import formats
from git_theta.arrays import gather
from git_theta.bases import Named, match, usable
from git_theta.choose import AUTOMATIC, Choice, base_of, choices, dense, repeated
from git_theta.errors import CorruptError, MissingObjectError
from git_theta.formats.base import Tensor
from git_theta.formats.split import split
from git_theta.model.digest import digest
from git_theta.model.manifest import Entry, Manifest, ObjectRef, Source, sort_key
from git_theta.model.tensor import TensorSpec
from git_theta.nearest import nearest
from git_theta.settings import DEPTH
from git_theta.store.batch import Batch
from git_theta.store.local import LocalStore
from git_theta.updates.base import UnsuitableError
from git_theta.workers import run_all

#: A payload of at least this many bytes is an object of its own; smaller ones share a pack.
PACK_BELOW = 1 << 20

#: A pack is closed when it has reached this many bytes.
_PACK_TARGET = 32 << 20

#: Small tensors are worked on by one thread until they have this many bytes together.
_TASK = 1 << 18

#: Values of fewer bytes are stored dense: there may be thousands, and headers are most of what they cost.
_LEAST = 64

#: Finds a source for a value by its digest, among everything that was ever stored here.
Known = Callable[[str], Source | None]

#: Gives the checkpoints of a repository that a new file may have been made from.
Candidates = Callable[[], Iterable[Manifest]]


@dataclass(frozen=True, slots=True)
class Cleaned:
    """The result of a clean.

    Attributes:
        manifest: What Git should store.
        note: Something the user should know about the file; mostly empty.
    """

    manifest: Manifest
    note: str = ""


@dataclass(frozen=True, slots=True)
class _Small:
    """A payload that waits to be packed with others.

    Attributes:
        digest: Of the value.
        payload: Its encoded bytes.
        pack: The lost object that it was part of, if it's stored again; else empty.
    """

    digest: str
    payload: bytes
    pack: str


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

    def source(self, packed: Mapping[_Small, ObjectRef]) -> Source:
        """The source, once everything is packed."""
        payload = packed[self.payload] if isinstance(self.payload, _Small) else self.payload
        inputs = (part.source(packed) if isinstance(part, _Draft) else part for part in self.inputs)
        return Source(self.update, payload, tuple(inputs))


@dataclass(frozen=True, slots=True)
class _Value:
    """A value on its way into the manifest."""

    name: str
    spec: TensorSpec
    digest: str
    stored: Source | _Draft


@dataclass(frozen=True, slots=True)
class Cleaner:
    """Everything that cleaning needs besides the file.

    Attributes:
        store: Where objects go.
        known: Looks a digest up in everything stored so far.
        threads: How many tensors to work on at once.
        progress: Called with the number of bytes of each finished tensor.
        updates: Names of the updates that may be chosen; dense always may.
        depth: How many updates should stand on each other at most; see `bases.usable`.
        candidates: Asked only for a file that has no previous version.
    """

    store: LocalStore
    known: Known = lambda _digest: None
    threads: int = 1
    progress: Callable[[int], object] = field(default=lambda _count: None)
    updates: Sequence[str] = AUTOMATIC
    depth: int = DEPTH
    candidates: Candidates = tuple

    def clean(self, data: memoryview, previous: Iterable[Manifest] = ()) -> Cleaned:
        """Store a file.

        Args:
            data: The file's bytes, usually a memory map.
            previous: Manifests whose sources are preferred, the index's first, so that equal content
                gives an equal manifest.

        Raises:
            ThetaError: The store can't be written.
        """
        earlier = list(previous)
        sources: dict[str, Source] = {}
        for manifest in reversed(earlier):
            sources.update((entry.digest, entry.source) for entry in manifest.all_entries())
        with Batch(self.store) as batch:
            with ThreadPoolExecutor(self.threads) as pool:
                parts = split(data, formats.registry(), pool)
                tensors = sorted(parts.tensors, key=lambda tensor: -tensor.spec.nbytes)
                bases = self._bases(data, tensors, earlier)

                def store_tensor(tensor: Tensor) -> _Value:
                    value = self._gather(data, tensor)
                    near = bases.get(tensor.name, ())
                    stored = self._store(value, tensor.name, tensor.spec, sources, near, batch)
                    self.progress(tensor.spec.nbytes)
                    return stored

                groups = run_all(pool, lambda group: list(map(store_tensor, group)), _groups(tensors))
                values = [value for group in groups for value in group]
            layout_bytes = memoryview(parts.layout.to_bytes())
            layout_spec = TensorSpec("U8", (len(layout_bytes),))
            values.append(self._store(layout_bytes, "layout", layout_spec, sources, (), batch))
            packed = _pack(
                (
                    small
                    for value in values
                    if isinstance(value.stored, _Draft)
                    for small in value.stored.small()
                ),
                batch,
            )
        *entries, layout = (_entry(value, packed) for value in values)
        entries.sort(key=lambda entry: sort_key(entry.name))
        manifest = Manifest(parts.format, len(data), layout, tuple(entries))
        whole = (one for one in earlier if all(map(self.store.has, one.oids())))
        return Cleaned(reconcile(manifest, whole), parts.note)

    def _gather(self, data: memoryview, tensor: Tensor) -> memoryview:
        return gather(
            data, tensor.spec, tensor.offset, tensor.strides, tensor.big_endian, self.store.temporary_file
        )

    def _bases(
        self, data: memoryview, tensors: Sequence[Tensor], earlier: Sequence[Manifest]
    ) -> dict[str, list[Entry]]:
        """What each tensor may be an update of."""
        if not any(name != "dense" for name in self.updates):
            return {}
        wanted = [Named(tensor.name, tensor.spec) for tensor in tensors if tensor.spec.nbytes >= _LEAST]
        if not earlier:
            by_name = {tensor.name: tensor for tensor in tensors}
            earlier = nearest(
                wanted, lambda name: self._gather(data, by_name[name]), self.candidates(), self.store
            )
        found: dict[str, list[Entry]] = {}
        for manifest in earlier:
            for name, entry in match(wanted, manifest).items():
                known = found.setdefault(name, [])
                if all(entry.digest != other.digest for other in known):
                    known.append(entry)
        return found

    def _store(
        self,
        value: memoryview,
        name: str,
        spec: TensorSpec,
        sources: Mapping[str, Source],
        bases: Sequence[Entry],
        batch: Batch,
    ) -> _Value:
        key = digest(value)
        for source in (sources.get(key), self.known(key)):
            if source and self._has(source):
                return _Value(name, spec, key, source)
        lost = sources.get(key)
        if lost:
            # Encoding is deterministic, so that a lost object comes back under its name.
            again = self._again(value, spec, lost)
            if again:
                pack = lost.payload.oid if lost.payload else ""
                return _Value(name, spec, key, self._write(again, key, pack, batch))
        usable_bases = [
            base_of(entry, source, self.store, deep)
            for entry in bases
            for source, deep in usable(entry.source, entry.spec.nbytes, self.depth, self.store.size)
            if self._has(source)
        ]
        for choice in choices(value, spec, usable_bases, self.updates):
            try:
                return _Value(name, spec, key, self._write(choice, key, "", batch))
            except (UnsuitableError, CorruptError, MissingObjectError):
                # A base that turns out to be damaged is no reason to fail: the value is at hand.
                continue
        raise AssertionError("dense is always possible")

    def _has(self, source: Source) -> bool:
        return all(self.store.has(ref.oid) for ref in source.payloads())

    def _again(self, value: memoryview, spec: TensorSpec, lost: Source) -> Choice | None:
        """The choice that was made before, if it can be made again."""
        if lost.update == "dense":
            return dense(value, spec)
        if all(self._has(part) for part in lost.inputs):
            return repeated(value, spec, lost, self.store)
        return None

    def _write(self, choice: Choice, key: str, pack: str, batch: Batch) -> _Draft:
        inputs = tuple(
            self._write(part, key, "", batch) if isinstance(part, Choice) else part for part in choice.inputs
        )
        pieces = choice.payload()
        head, size = [], 0
        for piece in pieces:
            # The piece's buffer is reused by the next one.
            head.append(bytes(piece))
            size += len(piece)
            if size >= PACK_BELOW:
                return _Draft(choice.update, ObjectRef(batch.put(_chain(head, pieces))), inputs)
        return _Draft(choice.update, _Small(key, b"".join(head), pack), inputs)


def reconcile(manifest: Manifest, previous: Iterable[Manifest]) -> Manifest:
    """The first previous manifest whose content is the same, else the manifest as it is.

    `git status` compares blobs: content that is equal must give the very blob that the index has,
    also if it was stored in another way since.
    """
    for candidate in previous:
        if same_content(manifest, candidate):
            return candidate
    return manifest


def same_content(one: Manifest, other: Manifest) -> bool:
    """Whether two manifests rebuild the same bytes."""
    return (
        one.size == other.size
        and one.layout.digest == other.layout.digest
        and len(one.entries) == len(other.entries)
        and all(
            (a.name, a.spec, a.digest) == (b.name, b.spec, b.digest)
            for a, b in zip(one.entries, other.entries, strict=True)
        )
    )


def _groups(tensors: Iterable[Tensor]) -> list[list[Tensor]]:
    """Tensors in groups that are worth a task each: there may be thousands of tiny ones."""
    groups: list[list[Tensor]] = []
    size = _TASK
    for tensor in tensors:
        if size >= _TASK:
            groups.append([])
            size = 0
        groups[-1].append(tensor)
        size += tensor.spec.nbytes
    return groups


def _entry(value: _Value, packed: Mapping[_Small, ObjectRef]) -> Entry:
    source = value.stored.source(packed) if isinstance(value.stored, _Draft) else value.stored
    return Entry(value.name, value.spec, value.digest, source)


def _pack(small: Iterable[_Small], batch: Batch) -> dict[_Small, ObjectRef]:
    """Store small payloads together, in the order of their digests: the same set, the same pack."""
    packs: list[list[_Small]] = []
    size, before = 0, ""
    for item in sorted(set(small), key=lambda item: (item.pack, item.digest, item.payload)):
        if not packs or size >= _PACK_TARGET or item.pack != before:
            packs.append([])
            size, before = 0, item.pack
        packs[-1].append(item)
        size += len(item.payload)
    places: dict[_Small, ObjectRef] = {}
    for pack in packs:
        oid = batch.put(item.payload for item in pack)
        offset = 0
        for item in pack:
            whole = len(pack) == 1
            places[item] = ObjectRef(oid) if whole else ObjectRef(oid, offset, len(item.payload))
            offset += len(item.payload)
    return places


def _chain(head: list[bytes], rest: Iterator[bytes | memoryview]) -> Iterator[bytes | memoryview]:
    yield from head
    yield from rest
