"""Files written from a layout and the values of parameters, wherever these come from."""

from __future__ import annotations

import mmap
import os
import zlib
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from git_theta.errors import CorruptError
from git_theta.model.checksum import KINDS
from git_theta.model.digest import digest
from git_theta.model.layout import Checksum, Layout
from git_theta.model.manifest import Entry
from git_theta.model.placed import PlacedParameter, any_overlap
from git_theta.model.strided import Temporary, contiguous, gather, joined, strided
from git_theta.model.tiled_copy import copy_elements
from git_theta.runtime.mapped import allocate
from git_theta.runtime.threads import run_grouped, run_groups


@dataclass(frozen=True, slots=True)
class FileWriter:
    """Writes files parameter by parameter.

    Attributes:
        read: Gives the bytes of each parameter's value, in pieces; each value is read before the next.
        temporary: Makes a descriptor of an unlinked temporary file, for values that are too large for memory.
        threads: Number of parameters to work on at once.
        progress: Called with the number of bytes of each finished parameter.
    """

    read: Callable[[Iterable[Entry]], Iterator[Iterator[memoryview]]]
    temporary: Temporary
    threads: int = 1
    progress: Callable[[int], object] = field(default=lambda _count: None)

    def write(self, layout: Layout, distinct: Sequence[PlacedParameter], handle: int) -> None:
        """Write a file into an empty, readable and writable one.

        Args:
            layout: The file minus its parameters.
            distinct: The parameters at their places, each place once.
            handle: The file.

        Raises:
            CorruptError: A checksum is of an unknown kind, or parameters that share memory differ there.
            OSError: The file can't be written.
            ValueError: A position of the layout makes no sense.
            OverflowError: Likewise.
        """
        overlapping = any_overlap(distinct)
        allocate(handle, layout.size)
        for literal in layout.literals:
            write_at(handle, literal.data, literal.offset)
        if overlapping:
            self._write_parameters(distinct, handle, layout.size)
        with ThreadPoolExecutor(self.threads) as pool:
            if not overlapping:
                largest_first = sorted(distinct, key=lambda parameter: -parameter.entry.spec.nbytes)
                run_groups(
                    pool,
                    lambda group: self._write_parameters(group, handle, layout.size),
                    largest_first,
                    lambda parameter: parameter.entry.spec.nbytes,
                )
            if layout.checksums:
                _write_checksums(layout.checksums, handle, layout.size, pool)
        if overlapping:
            self._recheck(distinct, handle, layout.size)

    def _write_parameters(self, parameters: Sequence[PlacedParameter], handle: int, size: int) -> None:
        values = self.read(parameter.entry for parameter in parameters)
        for parameter, pieces in zip(parameters, values, strict=True):
            self._write_parameter(parameter, pieces, handle, size)

    def _write_parameter(
        self, parameter: PlacedParameter, pieces: Iterator[memoryview], handle: int, size: int
    ) -> None:
        entry, place = parameter.entry, parameter.place
        if place.strides is None and not place.big_endian:
            start = place.offset
            for chunk in pieces:
                start += write_at(handle, chunk, start)
        elif entry.spec.count:
            value = joined(pieces, entry.spec.nbytes, self.temporary)
            with mmap.mmap(handle, size) as file, memoryview(file) as target:
                array = strided(target, entry.spec, place.offset, place.strides, place.big_endian)
                copy_elements(array, contiguous(value, entry.spec))
                del array
        self.progress(entry.spec.nbytes)

    def _recheck(self, placed: Iterable[PlacedParameter], handle: int, size: int) -> None:
        """Check that parameters that share bytes agree about them: a merge may have changed only some.

        Raises:
            CorruptError: Two parameters disagree.
        """
        with mmap.mmap(handle, size, access=mmap.ACCESS_READ) as file, memoryview(file) as data:
            for parameter in placed:
                entry, place = parameter.entry, parameter.place
                value = gather(
                    data, entry.spec, place.offset, place.strides, place.big_endian, self.temporary
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
            write_at(handle, KINDS[checksum.kind](checksum.ranges, crc), checksum.offset)


def _holds_any(piece: tuple[int, int], positions: Sequence[int]) -> bool:
    """Whether any of the sorted positions is in the range."""
    start, length = piece
    index = bisect_left(positions, start)
    return index < len(positions) and positions[index] < start + length


def write_at(handle: int, data: bytes | memoryview, offset: int) -> int:
    """Write all bytes at a position of a file; the number of bytes."""
    view = memoryview(data)
    done = 0
    while done < len(view):
        done += os.pwrite(handle, view[done:], offset + done)
    return len(view)
