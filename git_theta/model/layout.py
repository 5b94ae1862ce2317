"""The layout: all bytes of a file that aren't parameters, and the places of the parameters.

All positions are absolute offsets in the file, in bytes. A file is rebuilt by writing the literals,
then every placed parameter over them, then the checksums, which are computed from what was written.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import msgpack

from git_theta.errors import CorruptError
from git_theta.model.tensor import MAX_BYTES, MAX_DIMENSIONS

#: Largest layout in bytes. Most are smaller than a thousandth of the file.
MAX_LAYOUT_BYTES = 256 << 20

#: Placements, literals, checksums and their ranges together: those of over 200,000 tensors in a zip file.
MAX_PIECES = 2_000_000

#: Bytes that checksums cover, as a multiple of the file's. A zip file has the CRC of a member twice at most.
MAX_COVERED = 4

_VERSION = 1

#: Characters of the longest kind of a checksum that is read.
_MAX_KIND = 64


@dataclass(frozen=True, slots=True)
class Placement:
    """The place of one parameter's elements.

    Attributes:
        name: Name of the parameter.
        offset: Position of the element whose indices are all zero.
        strides: Strides in bytes, one for each dimension; `None` for C-contiguous elements.
        big_endian: Whether elements have their most significant byte first.
    """

    name: str
    offset: int
    strides: tuple[int, ...] | None = None
    big_endian: bool = False


@dataclass(frozen=True, slots=True)
class Literal:
    """Bytes that the layout itself has, at their position."""

    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Checksum:
    """A field derived from other bytes of the file, recomputed when the file is rebuilt.

    Attributes:
        kind: A key of `git_theta.model.checksum.KINDS`, for example `crc32`.
        offset: Position of the field.
        ranges: The `(offset, length)` ranges of the file that the field is computed from, in order.
    """

    kind: str
    offset: int
    ranges: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """A file minus its parameters.

    Attributes:
        size: Size of the file in bytes.
        placements: Places of the parameters, in the order of writing if they overlap.
        literals: Bytes that are written first.
        checksums: Fields that are computed last, in order.
    """

    size: int
    placements: tuple[Placement, ...]
    literals: tuple[Literal, ...]
    checksums: tuple[Checksum, ...]

    def to_bytes(self) -> bytes:
        """The stored form; equal layouts give equal bytes."""
        packed: bytes = msgpack.packb(
            [
                _VERSION,
                self.size,
                [
                    [p.name.encode("utf-8", "surrogatepass"), p.offset, p.strides, p.big_endian]
                    for p in self.placements
                ],
                [[piece.offset, piece.data] for piece in self.literals],
                [[c.kind, c.offset, c.ranges] for c in self.checksums],
            ]
        )
        return packed


def check_readable(layout: Layout) -> None:
    """Check that `parse_layout` will read the layout's stored form again.

    Raises:
        ValueError: It has too many bytes or pieces; the message says of which.
    """
    names = sum(len(place.name) for place in layout.placements)
    literals = sum(len(literal.data) for literal in layout.literals)
    ranges = sum(len(checksum.ranges) for checksum in layout.checksums)
    pieces = len(layout.placements) + len(layout.literals) + len(layout.checksums) + ranges
    if pieces > MAX_PIECES:
        raise ValueError(f"its layout has {pieces:,} pieces, more than {MAX_PIECES:,}")
    strides = sum(len(place.strides or ()) for place in layout.placements)
    # A character has four bytes at most, a number nine, a piece three of these.
    nbytes = literals + 4 * names + 9 * strides + 32 * pieces
    if nbytes > MAX_LAYOUT_BYTES:
        raise ValueError(f"its layout has about {nbytes:,} bytes, more than {MAX_LAYOUT_BYTES:,}")


def covered_bytes(checksums: Iterable[Checksum]) -> int:
    """Bytes that checksums are computed from, each as often as it's covered."""
    return sum(length for checksum in checksums for _, length in checksum.ranges)


def parse_layout(data: bytes) -> Layout:
    """Read what `Layout.to_bytes` wrote. Memory is in proportion to the bytes, whatever they claim.

    Raises:
        CorruptError: The bytes aren't a layout, or one of a newer version, or have more than `MAX_PIECES`; a
            position is outside the file, or checksums cover more than `MAX_COVERED` times the file.
    """
    try:
        layout = _Reader(data).layout()
    except (ValueError, TypeError, msgpack.UnpackException) as error:
        raise CorruptError(f"the layout can't be read: {error}") from error
    for piece in layout.literals:
        if piece.offset + len(piece.data) > layout.size:
            raise CorruptError("the layout has bytes outside its file")
    for checksum in layout.checksums:
        if any(start + length > layout.size for start, length in checksum.ranges):
            raise CorruptError("the layout has a checksum of bytes outside its file")
    if covered_bytes(layout.checksums) > MAX_COVERED * layout.size:
        raise CorruptError(f"the layout's checksums cover over {MAX_COVERED} times the bytes of its file")
    return layout


class _Reader:
    """Reads a layout's bytes field by field, so that a field of another type is refused before it's built."""

    def __init__(self, data: bytes) -> None:
        self._pieces = 0
        self._size = len(data)
        self._unpacker = msgpack.Unpacker(
            # From a file object, bytes are read as they're needed; `feed` would copy all of them.
            BytesIO(data),
            max_buffer_size=max(len(data), 1),
            max_array_len=MAX_DIMENSIONS,
            max_map_len=0,
            max_ext_len=0,
            max_str_len=_MAX_KIND,
            list_hook=_strides,
        )

    def layout(self) -> Layout:
        """The layout that the bytes are.

        Raises:
            ValueError, TypeError, msgpack.UnpackException: They aren't a layout.
            CorruptError: They are a layout of a newer version.
        """
        self._fields(5)
        version = self._unpacker.unpack()
        if version != _VERSION:
            raise CorruptError(
                f"layout version {version!r:.40} isn't known to this git-theta",
                "upgrade: pip install -U git-theta",
            )
        layout = Layout(
            self._position(),
            tuple(self._placement() for _ in self._items()),
            tuple(self._literal() for _ in self._items()),
            tuple(self._checksum() for _ in self._items()),
        )
        if self._unpacker.tell() != self._size:
            raise ValueError("bytes follow its end")
        return layout

    def _placement(self) -> Placement:
        self._fields(4)
        name, offset, strides, big_endian = self._bytes(), self._position(), *self._unpacked(2)
        if not (strides is None or type(strides) is tuple) or type(big_endian) is not bool:
            raise ValueError("a parameter's strides or order of bytes make no sense")
        return Placement(name.decode("utf-8", "surrogatepass"), offset, strides, big_endian)

    def _literal(self) -> Literal:
        self._fields(2)
        return Literal(self._position(), self._bytes())

    def _checksum(self) -> Checksum:
        self._fields(3)
        kind, offset = self._unpacker.unpack(), self._position()
        if type(kind) is not str:
            raise ValueError("a checksum's kind isn't a text")
        return Checksum(kind, offset, tuple(self._range() for _ in self._items()))

    def _range(self) -> tuple[int, int]:
        self._fields(2)
        return self._position(), self._position()

    def _items(self) -> range:
        """One for each item of the next array."""
        count = self._unpacker.read_array_header()
        self._pieces += count
        if self._pieces > MAX_PIECES:
            raise ValueError(f"it has over {MAX_PIECES:,} pieces")
        return range(count)

    def _fields(self, count: int) -> None:
        found = self._unpacker.read_array_header()
        if found != count:
            raise ValueError(f"{found} fields where {count} belong")

    def _unpacked(self, count: int) -> Iterator[Any]:
        for _ in range(count):
            yield self._unpacker.unpack()

    def _position(self) -> int:
        value = self._unpacker.unpack()
        if type(value) is not int or not 0 <= value <= MAX_BYTES:
            raise ValueError(f"{value!r:.40} isn't a position")
        return value

    def _bytes(self) -> bytes:
        value = self._unpacker.unpack()
        if type(value) is not bytes:
            raise ValueError("a name or literal isn't of bytes")
        return value


def _strides(values: list[Any]) -> tuple[int, ...]:
    """The strides in an array of MessagePack; the only one whose length a reader doesn't ask for."""
    if not all(type(value) is int and abs(value) <= MAX_BYTES for value in values):
        raise ValueError("strides that aren't numbers of bytes")
    return tuple(values)


def extent(offset: int, shape: tuple[int, ...], strides: tuple[int, ...], item_size: int) -> tuple[int, int]:
    """First and one-past-last byte that a strided tensor touches; equal for an empty tensor."""
    if 0 in shape:
        return offset, offset
    low = offset + sum((n - 1) * s for n, s in zip(shape, strides, strict=True) if s < 0)
    high = offset + sum((n - 1) * s for n, s in zip(shape, strides, strict=True) if s > 0)
    return low, high + item_size
