"""Smudge: a manifest and a store → the file, bit for bit."""

from __future__ import annotations

import errno
import mmap
import os
import zlib
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from git_theta.encoding.decode import read_value
from git_theta.encoding.update_providers import require_updates
from git_theta.errors import CorruptError, ThetaError
from git_theta.formats.split import STRETCH
from git_theta.model.checksum import KINDS, WIDTHS
from git_theta.model.digest import digest
from git_theta.model.layout import Checksum, Layout, Placement, extent, parse_layout
from git_theta.model.manifest import Entry, Manifest
from git_theta.model.strided import contiguous, gather, scratch_memory, strided
from git_theta.runtime.threads import run_grouped
from git_theta.store.local import LocalStore

#: A larger layout isn't read: literals are bounded when a file is split.
_MAX_LAYOUT = 1 << 30


@dataclass(frozen=True, slots=True)
class _Piece:
    """A parameter and its place."""

    entry: Entry
    place: Placement

    @property
    def extent(self) -> tuple[int, int]:
        """First and one-past-last byte in the file."""
        spec, place = self.entry.spec, self.place
        if place.strides is None:
            return place.offset, place.offset + spec.nbytes
        if len(place.strides) != len(spec.shape):
            raise CorruptError(f"the layout doesn't fit the shape of parameter {self.entry.name!r}")
        return extent(place.offset, spec.shape, place.strides, spec.item_size)


@dataclass(frozen=True, slots=True)
class Smudger:
    """Everything that rebuilding needs besides the manifest.

    Attributes:
        store: Where objects are.
        threads: How many parameters to work on at once.
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
            MissingObjectError: An object isn't there.
            PluginError: An update of a package is needed that isn't installed.
            ThetaError: The file can't be written.
        """
        require_updates(manifest)
        layout = self.layout(manifest)
        pieces = _match(manifest, layout)
        _check_full(manifest, layout)
        try:
            self._write(layout, pieces, handle)
        except (ValueError, OverflowError) as error:
            # Positions and checksums come from the layout, which someone may have made up.
            raise CorruptError(f"the layout makes no sense: {error}") from error
        except OSError as error:
            hint = "free some disk space and try again" if error.errno in (errno.ENOSPC, errno.EDQUOT) else ""
            raise ThetaError(f"can't write the file: {error.strerror or error}", hint) from error

    def layout(self, manifest: Manifest) -> Layout:
        """The layout of a manifest's file, checked.

        Raises:
            CorruptError: It's damaged or doesn't fit the manifest.
            MissingObjectError: Its object isn't there.
        """
        if manifest.layout.spec.nbytes > _MAX_LAYOUT:
            raise CorruptError(f"a layout of {manifest.layout.spec.nbytes} bytes is larger than any real one")
        layout = parse_layout(b"".join(map(bytes, read_value(manifest.layout, self.store))))
        if layout.size != manifest.size:
            raise CorruptError(f"the layout is of a file of {layout.size} bytes, not {manifest.size}")
        return layout

    def skeleton(self, manifest: Manifest) -> memoryview:
        """A file with all that isn't parameters: literals and stretches; the rest are holes.

        Raises:
            ThetaError: As for `layout`; or there's no room.
        """
        layout = self.layout(manifest)
        if not layout.size:
            return memoryview(b"")
        handle = self.store.temporary_file()
        try:
            os.truncate(handle, layout.size)
            data = memoryview(mmap.mmap(handle, layout.size))
        except (OSError, ValueError, OverflowError) as error:
            raise ThetaError(f"no room for the layout: {error}") from error
        finally:
            os.close(handle)
        for literal in layout.literals:
            data[literal.offset : literal.offset + len(literal.data)] = literal.data
        for piece in _match(manifest, layout):
            if piece.entry.name.startswith(STRETCH) and piece.place.strides is None:
                at = piece.place.offset
                for chunk in read_value(piece.entry, self.store):
                    data[at : at + len(chunk)] = chunk
                    at += len(chunk)
        return data

    def overlaps(self, manifest: Manifest) -> bool:
        """Whether parameters share memory in a way that only writing them can check.

        Raises:
            CorruptError: Layout and parameters don't fit, or tied parameters differ.
        """
        layout = self.layout(manifest)
        pieces = _match(manifest, layout)
        _check_full(manifest, layout)
        return _overlap(_without_twins(pieces))

    def _write(self, layout: Layout, pieces: list[_Piece], handle: int) -> None:
        distinct = _without_twins(pieces)
        overlapping = _overlap(distinct)
        _allocate(handle, layout.size)
        for literal in layout.literals:
            _write_at(handle, literal.data, literal.offset)
        if overlapping:
            for piece in distinct:
                self._write_piece(piece, handle, layout.size)
        with ThreadPoolExecutor(self.threads) as pool:
            if not overlapping:
                largest_first = sorted(distinct, key=lambda piece: -piece.entry.spec.nbytes)
                run_grouped(
                    pool,
                    lambda piece: self._write_piece(piece, handle, layout.size),
                    largest_first,
                    lambda piece: piece.entry.spec.nbytes,
                )
            if layout.checksums:
                _write_checksums(layout.checksums, handle, layout.size, pool)
        if overlapping:
            self._recheck(distinct, handle, layout.size)

    def _write_piece(self, piece: _Piece, handle: int, size: int) -> None:
        entry, place = piece.entry, piece.place
        if place.strides is None and not place.big_endian:
            at = place.offset
            for chunk in self._value(entry):
                at += _write_at(handle, chunk, at)
        elif entry.spec.count:
            value = scratch_memory(entry.spec.nbytes, self.store.temporary_file)
            at = 0
            for chunk in self._value(entry):
                value[at : at + len(chunk)] = chunk
                at += len(chunk)
            with mmap.mmap(handle, size) as file, memoryview(file) as target:
                array = strided(target, entry.spec, place.offset, place.strides, place.big_endian)
                array[...] = contiguous(value, entry.spec)
                del array
        self.progress(entry.spec.nbytes)

    def _value(self, entry: Entry) -> Iterator[memoryview]:
        """The bytes of a parameter, checked; a merge may just have computed them."""
        cached = self.store.value_cache.take(entry.digest, entry.spec.nbytes) if entry.source.inputs else None
        return read_value(entry, self.store) if cached is None else iter((cached,))

    def _recheck(self, pieces: Iterable[_Piece], handle: int, size: int) -> None:
        """Parameters that share bytes must agree about them; a merge can make them disagree."""
        with mmap.mmap(handle, size, access=mmap.ACCESS_READ) as file, memoryview(file) as data:
            for piece in pieces:
                entry, place = piece.entry, piece.place
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


def _match(manifest: Manifest, layout: Layout) -> list[_Piece]:
    entries = manifest.by_name
    placed = {place.name for place in layout.placements}
    if len(placed) != len(layout.placements) or placed != entries.keys():
        odd = sorted(placed ^ entries.keys())[:3]
        raise CorruptError(
            f"layout and parameters don't belong together (for example {', '.join(map(repr, odd))})",
            "the manifest was merged or edited as text: take one side as a whole",
        )
    pieces = [_Piece(entries[place.name], place) for place in layout.placements]
    for piece in pieces:
        low, high = piece.extent
        if low < 0 or high > layout.size:
            raise CorruptError(f"parameter {piece.entry.name!r} doesn't fit into its place in the file")
    return pieces


def _check_full(manifest: Manifest, layout: Layout) -> None:
    """Otherwise a small manifest could claim a file of any size, all of it holes."""
    literals = sum(len(literal.data) for literal in layout.literals)
    fields = sum(WIDTHS.get(checksum.kind, 0) for checksum in layout.checksums)
    if literals + fields + sum(entry.spec.nbytes for entry in manifest.entries) < layout.size:
        raise CorruptError("the layout has gaps")
    for checksum in layout.checksums:
        if checksum.offset + WIDTHS.get(checksum.kind, 0) > layout.size:
            raise CorruptError("the layout has a checksum outside its file")


def _without_twins(pieces: list[_Piece]) -> list[_Piece]:
    """Tied parameters, which have one place: written once, after a check that they're equal."""
    seen: dict[tuple[object, ...], Entry] = {}
    distinct = []
    for piece in pieces:
        place, entry = piece.place, piece.entry
        key = (place.offset, place.strides, place.big_endian, entry.spec)
        if entry.spec.count and key in seen:
            if seen[key].digest != entry.digest:
                raise CorruptError(
                    f"parameters {seen[key].name!r} and {entry.name!r} are tied, and their values differ",
                    "give tied parameters the same value",
                )
            continue
        seen[key] = entry
        distinct.append(piece)
    return distinct


def _overlap(pieces: Iterable[_Piece]) -> bool:
    extents = sorted(piece.extent for piece in pieces if piece.entry.spec.count)
    furthest = 0
    for low, high in extents:
        if low < furthest:
            return True
        furthest = max(furthest, high)
    return False


def _write_checksums(
    checksums: tuple[Checksum, ...], handle: int, size: int, pool: ThreadPoolExecutor
) -> None:
    with mmap.mmap(handle, size, access=mmap.ACCESS_READ) as file, memoryview(file) as data:

        def measure(piece: tuple[int, int]) -> int:
            with data[piece[0] : piece[0] + piece[1]] as view:
                return zlib.crc32(view)

        fields = sorted(checksum.offset for checksum in checksums)
        ranges = {piece for checksum in checksums for piece in checksum.ranges}
        # A range with a checksum inside is measured when its turn comes, after that was written.
        settled = sorted((r for r in ranges if not _holds_any(r, fields)), key=lambda r: -r[1])
        known = dict(zip(settled, run_grouped(pool, measure, settled, lambda piece: piece[1]), strict=True))

        def crc(offset: int, length: int) -> int:
            found = known.get((offset, length))
            return measure((offset, length)) if found is None else found

        for checksum in checksums:
            if checksum.kind not in KINDS:
                raise CorruptError(
                    f"checksum kind {checksum.kind!r} isn't known", "upgrade: pip install -U git-theta"
                )
            _write_at(handle, KINDS[checksum.kind](checksum.ranges, crc), checksum.offset)


def _holds_any(piece: tuple[int, int], positions: Sequence[int]) -> bool:
    """Whether any of the sorted positions is in the range."""
    start, length = piece
    at = bisect_left(positions, start)
    return at < len(positions) and positions[at] < start + length


def _allocate(handle: int, size: int) -> None:
    """Make room for the file first.

    A full disk is then found before anything is done, and not in a write through a map, where it would
    be a signal. Also, ext4 flushes a file that is renamed over another one if its blocks aren't allocated.
    """
    os.ftruncate(handle, size)
    if size and hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(handle, 0, size)
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
                raise


def _write_at(handle: int, data: bytes | memoryview, offset: int) -> int:
    view = memoryview(data)
    done = 0
    while done < len(view):
        done += os.pwrite(handle, view[done:], offset + done)
    return len(view)
