"""The layout: all bytes of a file that aren't parameters, and the places of the parameters.

All positions are absolute offsets in the file, in bytes. A file is rebuilt by writing the literals,
then every placed parameter over them, then the checksums, which are computed from what was written.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgpack

from git_theta.errors import CorruptError

_VERSION = 1


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


def parse_layout(data: bytes | memoryview) -> Layout:
    """Read what `Layout.to_bytes` wrote.

    Raises:
        CorruptError: The bytes aren't a layout, or one of a newer version, or a position is outside the file.
    """
    try:
        version, size, placements, literals, checksums = msgpack.unpackb(data)
        if version != _VERSION:
            raise CorruptError(
                f"layout version {version!r} isn't known to this git-theta",
                "upgrade: pip install -U git-theta",
            )
        layout = Layout(
            _whole(size),
            tuple(
                Placement(
                    bytes(name).decode("utf-8", "surrogatepass"),
                    _whole(offset),
                    None if strides is None else tuple(map(int, strides)),
                    bool(big),
                )
                for name, offset, strides, big in placements
            ),
            tuple(Literal(_whole(offset), bytes(piece)) for offset, piece in literals),
            tuple(
                Checksum(str(kind), _whole(offset), tuple((_whole(a), _whole(n)) for a, n in ranges))
                for kind, offset, ranges in checksums
            ),
        )
    except (ValueError, TypeError, msgpack.UnpackException) as error:
        raise CorruptError(f"the layout can't be read: {error}") from error
    for piece in layout.literals:
        if piece.offset + len(piece.data) > layout.size:
            raise CorruptError("the layout has bytes outside its file")
    for checksum in layout.checksums:
        if any(start + length > layout.size for start, length in checksum.ranges):
            raise CorruptError("the layout has a checksum of bytes outside its file")
    return layout


def _whole(value: Any) -> int:
    if not isinstance(value, int) or value < 0:
        raise ValueError(f"{value!r} isn't a position")
    return value


def extent(offset: int, shape: tuple[int, ...], strides: tuple[int, ...], item_size: int) -> tuple[int, int]:
    """First and one-past-last byte that a strided tensor touches; equal for an empty tensor."""
    if 0 in shape:
        return offset, offset
    low = offset + sum((n - 1) * s for n, s in zip(shape, strides, strict=True) if s < 0)
    high = offset + sum((n - 1) * s for n, s in zip(shape, strides, strict=True) if s > 0)
    return low, high + item_size
