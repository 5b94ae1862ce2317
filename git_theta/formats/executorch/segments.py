"""The data that follows the tables in a file of ExecuTorch: segments, whose places the tables have."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from git_theta.errors import FormatError
from git_theta.formats.flatbuffers import FlatTable

#: Segments of a file.
MAX_SEGMENTS = 200_000

_MAGIC = struct.Struct("<4s4s4sI")
_BASE = struct.Struct("<Q")


@dataclass(frozen=True, slots=True)
class Segments:
    """The segments of a file, by number.

    Attributes:
        places: Position and size of each, in bytes.
    """

    places: tuple[tuple[int, int], ...]

    def part(self, index: int, offset: int, size: int) -> int:
        """The position of a part of a segment.

        Raises:
            FormatError: There's no such segment, or the part leaves it.
        """
        if index >= len(self.places):
            raise FormatError(f"there's no segment {index}")
        start, length = self.places[index]
        if offset + size > length:
            raise FormatError(f"{size} bytes at {offset} leave the segment {index}")
        return start + offset


def read_segments(table: FlatTable, field: int, base: int) -> Segments:
    """The segments that a vector lists.

    Args:
        table: The root of the tables.
        field: The number of the field with the vector.
        base: The position that the segments' offsets count from.

    Raises:
        FormatError: A segment leaves the file, or there are too many.
    """
    if table.vector(field, 4)[1] > MAX_SEGMENTS:
        raise FormatError(f"more than {MAX_SEGMENTS} segments")
    found = tuple((base + each.number(0, "Q"), each.number(1, "Q")) for each in table.tables(field))
    if any(start + size > len(table.data) for start, size in found):
        raise FormatError("a segment leaves the file")
    return Segments(found)


def has_magic(data: memoryview, kind: bytes) -> bool:
    """Whether the tables are of a kind, such as `ET`, with two more characters for the version."""
    return len(data) >= 16 and data[4:6] == kind


def segment_base(data: memoryview, magic: bytes, field: int) -> int:
    """The position that segments' offsets count from, in the header that the first table's offset follows.

    Args:
        data: The file.
        magic: The first four bytes of that header.
        field: Which of the header's numbers it is, after its magic and its length.

    Returns:
        0 without such a header: then there are no segments.
    """
    if len(data) < _MAGIC.size:
        return 0
    _, _, found, length = _MAGIC.unpack_from(data)
    place = _MAGIC.size + _BASE.size * field
    if found != magic or length < 8 + _BASE.size * (field + 1) or place + _BASE.size > len(data):
        return 0
    base: int = _BASE.unpack_from(data, place)[0]
    return base
