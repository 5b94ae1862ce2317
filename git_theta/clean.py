"""Clean: store a file as objects and a manifest, given earlier manifests and stored values."""

from __future__ import annotations

from collections.abc import Callable, Container, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

from git_theta.checkpoint_file import CheckpointFile, as_before, read_checkpoint
from git_theta.encoding.allowed_updates import OnFailure, may_reshape
from git_theta.encoding.candidates import NewParameter, match_parameters
from git_theta.encoding.found_bases import FoundBases
from git_theta.encoding.new_manifest import completed
from git_theta.encoding.readable import missing_values
from git_theta.encoding.relatives import relatives as relatives_by_name
from git_theta.encoding.small_values import SMALL_VALUE, SmallValue, are_bundled, may_be_small, write_small
from git_theta.encoding.stored_value import StoredValue, UnpackedSource, finalize
from git_theta.encoding.twins import Original, Twins, find_twins
from git_theta.encoding.value_writer import FindSources, ValueWriter
from git_theta.errors import PluginError
from git_theta.formats.base import Tensor
from git_theta.formats.neighbours import Neighbours
from git_theta.formats.split import STRETCH
from git_theta.model.digest import digest
from git_theta.model.manifest import Entry, Manifest, Source
from git_theta.model.name_escapes import sort_key
from git_theta.model.tensor import TensorSpec, is_bytes
from git_theta.runtime.threads import stream_grouped
from git_theta.settings import DEFAULT_DEPTH
from git_theta.store.batch import Batch
from git_theta.store.local import LocalStore
from git_theta.updates import AUTO

if TYPE_CHECKING:
    from git_theta.sketches.search import SketchSearch

#: Smaller values, in bytes, are stored dense: there may be thousands, and headers are most of their cost.
_MIN_UPDATED = 64

#: Smaller layouts and stretches between tensors, in bytes, are stored dense, too.
_MIN_BYTES = 1 << 14

#: The number of stretches of an earlier version that a new one may come from, and of those that are compared.
_MAX_STRETCHES = 100
_MAX_BASES = 2

#: Gives the checkpoints of a repository that a new file may have been made from.
Candidates = Callable[[], Iterable[Manifest]]


@dataclass(frozen=True, slots=True)
class Cleaned:
    """The result of a clean.

    Attributes:
        manifest: The manifest that Git should store.
        note: A notice for the user about the file; mostly empty.
    """

    manifest: Manifest
    note: str = ""


@dataclass(frozen=True, slots=True)
class Cleaner:
    """Stores files.

    Attributes:
        store: The local object store.
        known: Finds sources by digest in everything stored so far.
        learned: Called with entries of values that came from elsewhere, so that `known` finds them.
        threads: Number of tensors to work on at once.
        progress: Called with the number of bytes of each finished tensor.
        updates: Names of the updates that may be chosen; dense always may.
        depth: Maximal number of updates in a chain, but for ones that save much; see `usable_bases`.
        candidates: Gives checkpoints that a file without a previous version may have been made from.
        search: Finds stored values that the file's resemble; `None` to look by names only.
        lazy: Whether objects that a previous manifest names but the store lacks are on a remote, so that
            their values needn't be stored again.
        neighbours: The files beside the one that is stored; `None` if they aren't known.
    """

    store: LocalStore
    known: FindSources = lambda _digests: {}
    learned: Callable[[Iterable[Entry]], object] = lambda _entries: None
    threads: int = 1
    progress: Callable[[int], object] = field(default=lambda _count: None)
    updates: Sequence[str] = AUTO
    depth: int = DEFAULT_DEPTH
    candidates: Candidates = tuple
    search: SketchSearch | None = None
    lazy: bool = False
    neighbours: Neighbours | None = None

    def clean(self, data: memoryview, previous: Iterable[Manifest] = ()) -> Cleaned:
        """Store a file.

        Args:
            data: The file's bytes, usually a memory map.
            previous: Manifests whose sources are preferred, the index's first, so that equal content
                gives an equal manifest.

        Raises:
            ThetaError: The store can't be written.
            ValueChangedError: The file is written to meanwhile.
        """
        earlier = list(previous)
        failures: list[PluginError] = []
        with Batch(self.store) as batch, ThreadPoolExecutor(self.threads) as pool:
            writer = self._writer(batch, earlier, failures.append)
            found = read_checkpoint(data, self.store.temporary_file, pool, self.neighbours)
            file = as_before(found, earlier, self.store)
            layout, parameters = self._store(file, earlier, writer, pool)
        manifest = completed(Manifest(file.format, len(data), layout, parameters), self.store, earlier)
        complete = (one for one in earlier if self.lazy or not missing_values(one, self.store))
        failed = dict.fromkeys(f"stored without an update: {error.message}" for error in failures)
        return Cleaned(reconcile(manifest, complete), "; ".join(filter(None, (file.note, *failed))))

    def _writer(self, batch: Batch, earlier: Sequence[Manifest], failed: OnFailure) -> ValueWriter:
        sources: dict[str, Source] = {}
        for manifest in reversed(earlier):
            sources.update((entry.digest, entry.source) for entry in manifest.all_entries())
        return ValueWriter(
            self.store, batch, sources, self.known, self.updates, self.depth, self.lazy, failed
        )

    def _store(
        self,
        file: CheckpointFile,
        earlier: Sequence[Manifest],
        writer: ValueWriter,
        pool: ThreadPoolExecutor,
    ) -> tuple[Entry, tuple[Entry, ...]]:
        """Store layout and tensors; their entries, those of the tensors sorted by name."""
        tensors = sorted(file.tensors.values(), key=lambda tensor: (-tensor.spec.nbytes, tensor.name))
        named, parts = self._bases(file, tensors, earlier, pool)
        found = self._found_bases(writer)

        small = [tensor for tensor in tensors if self._is_small(tensor, named)]
        names = {tensor.name for tensor in small}
        large = [tensor for tensor in tensors if tensor.name not in names]
        twins = Twins(partial(self._twins, file, large, named))
        done: dict[str, StoredValue] = {}
        waiting: dict[str, str] = {}

        def store_tensor(tensor: Tensor) -> StoredValue | None:
            """Store a value, unless its original must be stored before."""
            name, spec, value = tensor.name, tensor.spec, file.value(tensor.name)
            key = digest(value)
            source = writer.stored(key)
            if source:
                done[name] = StoredValue(name, spec, key, source)
            elif twins.original_of(name):
                waiting[name] = key
                return None
            else:
                done[name] = store_new(tensor, key)
            self.progress(spec.nbytes)
            return done[name]

        def store_twin(tensor: Tensor) -> StoredValue:
            name, spec = tensor.name, tensor.spec
            other = twins.original_of(name)
            original = Original(done[other], file.value(other)) if other else None
            stored = store_new(tensor, waiting[name], original)
            if original and isinstance(stored.source, UnpackedSource):
                original.check_unchanged()
            self.progress(spec.nbytes)
            return stored

        def store_new(tensor: Tensor, key: str, original: Original | None = None) -> StoredValue:
            name, spec, value = tensor.name, tensor.spec, file.value(tensor.name)
            counterparts = named.get(name) or _bytes_before(spec, earlier)
            bases: Iterable[Entry] = counterparts
            relatives: Iterable[Entry] = parts.get(name, [])
            if found:
                bases = found.beside(name, spec, value, counterparts)
                relatives = found.of_other_forms(spec, value, parts.get(name, []))
            distant = partial(found.is_distant, name) if found else _never
            stored = writer.write_new(name, spec, key, value, bases, relatives, original, distant)
            stored.check_unchanged(value)
            return stored

        layout_bytes = memoryview(file.layout.to_bytes())

        def store_layout() -> Iterator[StoredValue]:
            spec = TensorSpec("U8", (len(layout_bytes),))
            bases: Iterable[Entry] = _bytes_before(spec, earlier)
            if found and spec.nbytes >= _MIN_BYTES:
                # No parameter has an empty name.
                bases = found.beside("", spec, layout_bytes, [*bases])
            yield writer.write("layout", spec, layout_bytes, bases)

        def small_value(tensor: Tensor) -> SmallValue:
            name = tensor.name
            read = partial(file.value, name)
            alone = partial(store_new, tensor)
            return SmallValue(name, tensor.spec, read, named.get(name, ()), parts.get(name, ()), alone)

        def store_small() -> list[StoredValue]:
            values = [small_value(tensor) for tensor in small]
            stored = list(write_small(writer, values))
            for tensor, value in zip(small, stored, strict=True):
                is_new = isinstance(value.source, UnpackedSource)
                if found and is_new and tensor.spec.nbytes > SMALL_VALUE:
                    found.sketch(tensor.name, tensor.spec, file.value(tensor.name))
            self.progress(sum(each.spec.nbytes for each in small))
            return stored

        def store_all() -> Generator[StoredValue]:
            # Small values take one thread, and no two at once: their work is mostly Python's own.
            others = pool.submit(store_small)
            # Each value is there before those that may be updates of it.
            with closing(stream_grouped(pool, store_tensor, large, _nbytes)) as values:
                yield from filter(None, values)
            last = [tensor for tensor in large if tensor.name in waiting]
            with closing(stream_grouped(pool, store_twin, last, _nbytes)) as values:
                yield from values
            yield from others.result()

        with closing(store_all()) as values:
            *entries, layout = finalize(chain(values, store_layout()), writer.batch)
        if found:
            found.remember([*entries, replace(layout, name="")])
        return layout, tuple(sorted(entries, key=lambda entry: sort_key(entry.name)))

    def _twins(
        self, file: CheckpointFile, tensors: Sequence[Tensor], before: Container[str]
    ) -> dict[str, str]:
        """The parameter of the file that each one is nearly equal to, by name."""
        if not self.updates or self.depth < 2:
            return {}
        return find_twins((NewParameter(each.name, each.spec) for each in tensors), file.value, before)

    def _is_small(self, tensor: Tensor, named: Mapping[str, Sequence[Entry]]) -> bool:
        return are_bundled(self.updates) and may_be_small(tensor.spec, named.get(tensor.name, ()))

    def _found_bases(self, writer: ValueWriter) -> FoundBases | None:
        if self.search is None or not self.updates:
            return None
        return FoundBases(self.search, writer.source_of, self.store)

    def _bases(
        self,
        file: CheckpointFile,
        tensors: Sequence[Tensor],
        earlier: Sequence[Manifest],
        pool: ThreadPoolExecutor,
    ) -> tuple[dict[str, list[Entry]], dict[str, list[Entry]]]:
        """The entries that each tensor may be an update of, and those that it may be made of, by its name."""
        if not self.updates:
            return {}, {}
        accepts = partial(may_reshape, self.updates)
        wanted = [
            NewParameter(tensor.name, tensor.spec) for tensor in tensors if tensor.spec.nbytes >= _MIN_UPDATED
        ]
        candidates: Sequence[Manifest] = []
        if not earlier:
            from git_theta.encoding.related import related_checkpoints

            candidates = list(self.candidates())
            earlier = related_checkpoints(wanted, file.value, candidates, self.store, accepts)
        found: dict[str, list[Entry]] = {}
        parts: dict[str, list[Entry]] = {}
        for manifest in earlier:
            matched = match_parameters(wanted, manifest, accepts)
            for name, entry in matched.items():
                known = found.setdefault(name, [])
                if all(entry.digest != other.digest for other in known):
                    known.append(entry)
            for name, near in relatives_by_name(wanted, manifest, matched).items():
                parts.setdefault(name, near)
        unnamed = [item for item in wanted if item.name not in found]
        if self.search and unnamed and candidates:
            from git_theta.encoding.missing_sketches import make_missing_sketches

            self.learned(make_missing_sketches(unnamed, candidates, self.search, self.store, pool))
        return found, parts


def _never(_base: Entry) -> bool:
    return False


def _nbytes(tensor: Tensor) -> int:
    return tensor.spec.nbytes


def _bytes_before(spec: TensorSpec, earlier: Iterable[Manifest]) -> list[Entry]:
    """The bytes between tensors of earlier versions, for those of a new one that have no counterpart by name.

    Short stretches are in the layout. Small layouts aren't stored as updates: they're read often.
    """
    if not is_bytes(spec) or spec.nbytes < _MIN_BYTES:
        return []
    found = (
        entry
        for manifest in earlier
        for entry in (manifest.layout, *manifest.entries[:_MAX_STRETCHES])
        if entry is manifest.layout or (entry.name.startswith(STRETCH) and is_bytes(entry.spec))
    )
    bases = {entry.digest: entry for entry in found if entry.spec.nbytes >= _MIN_BYTES}
    return sorted(bases.values(), key=lambda entry: abs(entry.spec.nbytes - spec.nbytes))[:_MAX_BASES]


def reconcile(manifest: Manifest, previous: Iterable[Manifest]) -> Manifest:
    """The first previous manifest whose content is the same, else the manifest as it is.

    `git status` compares blobs: equal content must give the very blob that the index has, even if its values
    were stored in another way since.
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
