"""Smudge: rebuild a file from its manifest and a store, bit for bit."""

from __future__ import annotations

import errno
import mmap
import os
import zlib
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from git_theta.encoding.budget import affordable_threads, check_values
from git_theta.encoding.decode import read_layout, read_value
from git_theta.encoding.update_providers import require_updates
from git_theta.errors import CorruptError, ThetaError
from git_theta.formats.split import STRETCH
from git_theta.model.checksum import KINDS
from git_theta.model.digest import digest
from git_theta.model.layout import Checksum, Layout
from git_theta.model.manifest import Entry, Manifest
from git_theta.model.placed import (
    PlacedParameter,
    any_overlap,
    check_complete,
    place_parameters,
    without_tied,
)
from git_theta.model.strided import contiguous, gather, scratch_memory, strided
from git_theta.runtime.mapped import allocate
from git_theta.runtime.threads import run_grouped
from git_theta.store.local import LocalStore

#: Bytes of all stretches between tensors that are read where only the rest of a file is wanted.
_MAX_STRETCHES = 1 << 30


@dataclass(frozen=True, slots=True)
class Smudger:
    """Rebuilds files from manifests.

    Attributes:
        store: Where objects are.
        threads: Number of parameters to work on at once.
        progress: Called with the number of bytes of each finished parameter.
    """

    store: LocalStore
    threads: int = 1
    progress: Callable[[int], object] = field(default=lambda _count: None)

    def smudge(self, manifest: Manifest, handle: int) -> None:
        """Write the file into an empty, readable and writable file.

        Every value and the layout are checked against their digests. When this raises, what was
        written so far is worthless and must be thrown away.

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
        weight = check_values((parameter.entry for parameter in distinct), self.store)
        threads = affordable_threads(self.threads, weight.memory, self.store)
        try:
            self._write(layout, distinct, handle, threads)
        except (ValueError, OverflowError) as error:
            # Positions and checksums come from the layout, which someone may have made up.
            raise CorruptError(f"the layout makes no sense: {error}") from error
        except OSError as error:
            hint = "free some disk space and try again" if error.errno in (errno.ENOSPC, errno.EDQUOT) else ""
            raise ThetaError(f"can't write the file: {error.strerror or error}", hint) from error

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
                _write_at(handle, literal.data, literal.offset)
            for stretch in stretches:
                start = stretch.place.offset
                for chunk in read_value(stretch.entry, self.store):
                    start += _write_at(handle, chunk, start)
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

    def _write(self, layout: Layout, distinct: list[PlacedParameter], handle: int, threads: int) -> None:
        overlapping = any_overlap(distinct)
        allocate(handle, layout.size)
        for literal in layout.literals:
            _write_at(handle, literal.data, literal.offset)
        if overlapping:
            for parameter in distinct:
                self._write_parameter(parameter, handle, layout.size)
        with ThreadPoolExecutor(threads) as pool:
            if not overlapping:
                largest_first = sorted(distinct, key=lambda parameter: -parameter.entry.spec.nbytes)
                run_grouped(
                    pool,
                    lambda parameter: self._write_parameter(parameter, handle, layout.size),
                    largest_first,
                    lambda parameter: parameter.entry.spec.nbytes,
                )
            if layout.checksums:
                _write_checksums(layout.checksums, handle, layout.size, pool)
        if overlapping:
            self._recheck(distinct, handle, layout.size)

    def _write_parameter(self, parameter: PlacedParameter, handle: int, size: int) -> None:
        entry, place = parameter.entry, parameter.place
        if place.strides is None and not place.big_endian:
            start = place.offset
            for chunk in self._value(entry):
                start += _write_at(handle, chunk, start)
        elif entry.spec.count:
            value = scratch_memory(entry.spec.nbytes, self.store.temporary_file)
            start = 0
            for chunk in self._value(entry):
                value[start : start + len(chunk)] = chunk
                start += len(chunk)
            with mmap.mmap(handle, size) as file, memoryview(file) as target:
                array = strided(target, entry.spec, place.offset, place.strides, place.big_endian)
                array[...] = contiguous(value, entry.spec)
                del array
        self.progress(entry.spec.nbytes)

    def _value(self, entry: Entry) -> Iterator[memoryview]:
        """The bytes of a value, checked against its digest or still cached from a merge."""
        cached = self.store.value_cache.take(entry.digest, entry.spec.nbytes) if entry.source.inputs else None
        return read_value(entry, self.store) if cached is None else iter((cached,))

    def _recheck(self, placed: Iterable[PlacedParameter], handle: int, size: int) -> None:
        """Check that parameters that share bytes agree about them: a merge may have changed only some.

        Raises:
            CorruptError: Two parameters disagree.
        """
        with mmap.mmap(handle, size, access=mmap.ACCESS_READ) as file, memoryview(file) as data:
            for parameter in placed:
                entry, place = parameter.entry, parameter.place
                value = gather(
                    data, entry.spec, place.offset, place.strides, place.big_endian, self.store.temporary_file
                )
                agrees = digest(value) == entry.digest
                value.release()
                if not agrees:
                    raise CorruptError(
                        f"parameter {entry.name!r} shares memory with another one, and their values differ",
                        "give the parameters that share memory values from the same version",
                    )


def _write_checksums(
    checksums: tuple[Checksum, ...], handle: int, size: int, pool: ThreadPoolExecutor
) -> None:
    """Compute the checksum fields and write them, in their order.

    Raises:
        CorruptError: A checksum is of an unknown kind.
    """
    with mmap.mmap(handle, size, access=mmap.ACCESS_READ) as file, memoryview(file) as data:

        def measure(piece: tuple[int, int]) -> int:
            with data[piece[0] : piece[0] + piece[1]] as view:
                return zlib.crc32(view)

        fields = sorted(checksum.offset for checksum in checksums)
        ranges = {piece for checksum in checksums for piece in checksum.ranges}
        # A range with a checksum inside is measured when its turn comes, after that field was written.
        final = sorted((r for r in ranges if not _holds_any(r, fields)), key=lambda r: -r[1])
        known = dict(zip(final, run_grouped(pool, measure, final, lambda piece: piece[1]), strict=True))

        def crc(offset: int, length: int) -> int:
            value = known.get((offset, length))
            return measure((offset, length)) if value is None else value

        for checksum in checksums:
            if checksum.kind not in KINDS:
                raise CorruptError(
                    f"checksum kind {checksum.kind!r} isn't known", "upgrade: pip install -U git-theta"
                )
            _write_at(handle, KINDS[checksum.kind](checksum.ranges, crc), checksum.offset)


def _holds_any(piece: tuple[int, int], positions: Sequence[int]) -> bool:
    """Whether any of the sorted positions is in the range."""
    start, length = piece
    index = bisect_left(positions, start)
    return index < len(positions) and positions[index] < start + length


def _write_at(handle: int, data: bytes | memoryview, offset: int) -> int:
    """Write all bytes at a position of a file; the number of bytes."""
    view = memoryview(data)
    done = 0
    while done < len(view):
        done += os.pwrite(handle, view[done:], offset + done)
    return len(view)
