"""Smudge: rebuild a file from its manifest and a store, bit for bit."""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field

from git_theta.encoding.budget import affordable_threads, check_values
from git_theta.encoding.decode import read_layout, read_value
from git_theta.encoding.many_values import read_values
from git_theta.encoding.update_providers import require_updates
from git_theta.errors import CorruptError, ThetaError, full_disk_hint
from git_theta.file_writer import FileWriter, write_at
from git_theta.formats.split import STRETCH
from git_theta.model.layout import Layout
from git_theta.model.manifest import Entry, Manifest
from git_theta.model.placed import (
    any_overlap,
    check_complete,
    place_parameters,
    without_tied,
)
from git_theta.store.local import LocalStore

#: Bytes of all stretches between tensors that are read where only the rest of a file is wanted.
_MAX_STRETCHES = 1 << 30


#: Gives the pieces of an entry's value as they are.
Watch = Callable[[Entry, Iterator[memoryview]], Iterator[memoryview]]


@dataclass(frozen=True, slots=True)
class Smudger:
    """Rebuilds files from manifests.

    Attributes:
        store: Where objects are.
        threads: Number of parameters to work on at once.
        progress: Called with the number of bytes of each finished parameter.
        watch: Sees the pieces of each value on their way into the file.
    """

    store: LocalStore
    threads: int = 1
    progress: Callable[[int], object] = field(default=lambda _count: None)
    watch: Watch = field(default=lambda _entry, pieces: pieces)

    def smudge(self, manifest: Manifest, handle: int, present: Collection[str] = ()) -> None:
        """Write the file into an empty, readable and writable file.

        Every value and the layout are checked against their digests. When this raises, what was
        written so far is worthless and must be thrown away.

        Args:
            manifest: The manifest.
            handle: The file.
            present: Names of parameters that the file has already, at their places in the layout: a copy of
                another file of the same layout needn't be empty.

        Raises:
            CorruptError: Stored bytes aren't what they should be.
            ExcessError: The values take more work or memory than the limits allow.
            MissingObjectError: An object isn't in the store.
            PluginError: The manifest needs an update of a package that isn't installed.
            ThetaError: The file can't be written.
        """
        require_updates(manifest)
        layout = self.layout(manifest)
        placed = place_parameters(manifest, layout)
        check_complete(manifest, layout)
        distinct = without_tied(placed)
        if present and not any_overlap(distinct):
            distinct = [parameter for parameter in distinct if parameter.entry.name not in present]
        weight = check_values((parameter.entry for parameter in distinct), self.store)
        threads = affordable_threads(self.threads, weight.memory, self.store)
        try:
            writer = FileWriter(self._values, self.store.temporary_file, threads, self.progress)
            writer.write(layout, distinct, handle)
        except (ValueError, OverflowError) as error:
            # Positions and checksums come from the layout, which someone may have made up.
            raise CorruptError(f"the layout makes no sense: {error}") from error
        except OSError as error:
            message = f"can't write the file: {error.strerror or error}"
            raise ThetaError(message, full_disk_hint(error)) from error

    def layout(self, manifest: Manifest) -> Layout:
        """The layout of a manifest's file, checked; errors as for `read_layout`."""
        return read_layout(manifest, self.store)

    def skeleton(self, manifest: Manifest) -> memoryview:
        """The file's literals and opaque stretches at their places; zeros where its tensors are.

        Raises:
            ThetaError: As for `layout`; or there's no room for the file, or too much beside its tensors.
        """
        layout = self.layout(manifest)
        if not layout.size:
            return memoryview(b"")
        stretches = [
            parameter
            for parameter in place_parameters(manifest, layout)
            if parameter.entry.name.startswith(STRETCH) and parameter.place.strides is None
        ]
        if sum(stretch.entry.spec.nbytes for stretch in stretches) > _MAX_STRETCHES:
            raise ThetaError(f"the file has more than {_MAX_STRETCHES} bytes besides its tensors")
        handle = self.store.temporary_file()
        try:
            # Zeros take no room. What isn't zero is written, not mapped: a full disk would be a signal there.
            os.truncate(handle, layout.size)
            for literal in layout.literals:
                write_at(handle, literal.data, literal.offset)
            for stretch in stretches:
                start = stretch.place.offset
                for chunk in read_value(stretch.entry, self.store):
                    start += write_at(handle, chunk, start)
            return memoryview(mmap.mmap(handle, layout.size))
        except (OSError, ValueError, OverflowError) as error:
            raise ThetaError(f"no room for the layout: {error}") from error
        finally:
            os.close(handle)

    def overlaps(self, manifest: Manifest) -> bool:
        """Whether parameters share bytes without being tied, so that only writing them shows if they agree.

        Raises:
            CorruptError: Layout and parameters don't belong together, or tied parameters differ.
        """
        layout = self.layout(manifest)
        placed = place_parameters(manifest, layout)
        check_complete(manifest, layout)
        return any_overlap(without_tied(placed))

    def _values(self, entries: Iterable[Entry]) -> Iterator[Iterator[memoryview]]:
        """The bytes of values, checked against their digests or still cached from a merge."""
        listed = list(entries)
        cache = self.store.value_cache
        for entry, pieces in zip(listed, read_values(listed, self.store), strict=True):
            cached = cache.take(entry.digest, entry.spec.nbytes) if entry.source.inputs else None
            yield self.watch(entry, pieces if cached is None else iter((cached,)))
