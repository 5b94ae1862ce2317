"""Clean: a file and what is already known → objects in the store and a manifest."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from git_theta import formats, updates
from git_theta.arrays import gather
from git_theta.formats.base import Tensor
from git_theta.formats.split import split
from git_theta.model.digest import digest
from git_theta.model.manifest import Entry, Manifest, ObjectRef, Source, sort_key
from git_theta.model.tensor import TensorSpec
from git_theta.store.batch import Batch
from git_theta.store.local import LocalStore
from git_theta.workers import run_all

#: A payload of at least this many bytes is an object of its own; smaller ones share a pack.
PACK_BELOW = 1 << 20

#: A pack is closed when it has reached this many bytes.
_PACK_TARGET = 32 << 20

#: Finds a source for a value by its digest, among everything that was ever stored here.
Known = Callable[[str], Source | None]


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
class _Value:
    """A value on its way into the manifest; `stored` is where it is, or the payload to pack."""

    name: str
    spec: TensorSpec
    digest: str
    stored: Source | _Small


@dataclass(frozen=True, slots=True)
class Cleaner:
    """Everything that cleaning needs besides the file.

    Attributes:
        store: Where objects go.
        known: Looks a digest up in everything stored so far.
        threads: How many tensors to work on at once.
        progress: Called with the number of bytes of each finished tensor.
    """

    store: LocalStore
    known: Known = lambda _digest: None
    threads: int = 1
    progress: Callable[[int], object] = field(default=lambda _count: None)

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
                values = run_all(
                    pool, lambda tensor: self._store_tensor(data, tensor, sources, batch), tensors
                )
            layout_bytes = memoryview(parts.layout.to_bytes())
            layout_spec = TensorSpec("U8", (len(layout_bytes),))
            values.append(self._store(layout_bytes, "layout", layout_spec, sources, batch))
            packed = _pack((value.stored for value in values if isinstance(value.stored, _Small)), batch)
        *entries, layout = (_entry(value, packed) for value in values)
        entries.sort(key=lambda entry: sort_key(entry.name))
        manifest = Manifest(parts.format, len(data), layout, tuple(entries))
        return Cleaned(reconcile(manifest, earlier), parts.note)

    def _store_tensor(
        self, data: memoryview, tensor: Tensor, sources: Mapping[str, Source], batch: Batch
    ) -> _Value:
        value = gather(
            data, tensor.spec, tensor.offset, tensor.strides, tensor.big_endian, self.store.temporary_file
        )
        stored = self._store(value, tensor.name, tensor.spec, sources, batch)
        self.progress(tensor.spec.nbytes)
        return stored

    def _store(
        self, value: memoryview, name: str, spec: TensorSpec, sources: Mapping[str, Source], batch: Batch
    ) -> _Value:
        key = digest(value)
        for source in (sources.get(key), self.known(key)):
            if source and all(self.store.has(ref.oid) for ref in source.payloads()):
                return _Value(name, spec, key, source)
        # Encoding is deterministic, so that a lost object comes back under its name.
        lost = sources[key].payload if key in sources else None
        return _Value(name, spec, key, self._encode(value, spec, key, lost.oid if lost else "", batch))

    def _encode(
        self, value: memoryview, spec: TensorSpec, key: str, pack: str, batch: Batch
    ) -> Source | _Small:
        update = updates.registry().get("dense")
        pieces = update.encode(value, spec)
        head, size = [], 0
        for piece in pieces:
            # The piece's buffer is reused by the next one.
            head.append(bytes(piece))
            size += len(piece)
            if size >= PACK_BELOW:
                return Source(update.name, ObjectRef(batch.put(_chain(head, pieces))))
        return _Small(key, b"".join(head), pack)


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


def _pack(small: Iterable[_Small], batch: Batch) -> dict[str, Source]:
    """Store small payloads together, in the order of their digests: the same set, the same pack."""
    payloads = sorted({(item.pack, item.digest): item.payload for item in small}.items())
    packs: list[list[tuple[str, bytes]]] = []
    size, before = 0, ""
    for (lost, key), payload in payloads:
        if not packs or size >= _PACK_TARGET or lost != before:
            packs.append([])
            size, before = 0, lost
        packs[-1].append((key, payload))
        size += len(payload)
    sources: dict[str, Source] = {}
    for pack in packs:
        oid = batch.put(payload for _, payload in pack)
        offset = 0
        for key, payload in pack:
            whole = len(pack) == 1
            ref = ObjectRef(oid) if whole else ObjectRef(oid, offset, len(payload))
            sources[key] = Source("dense", ref)
            offset += len(payload)
    return sources


def _entry(value: _Value, packed: Mapping[str, Source]) -> Entry:
    source = packed[value.stored.digest] if isinstance(value.stored, _Small) else value.stored
    return Entry(value.name, value.spec, value.digest, source)


def _chain(head: list[bytes], rest: Iterator[bytes | memoryview]) -> Iterator[bytes | memoryview]:
    yield from head
    yield from rest
