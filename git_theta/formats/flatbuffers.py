"""FlatBuffers: tables with fields at offsets, and vectors, read where they are and within bounds."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from git_theta.errors import FormatError

_OFFSET = struct.Struct("<I")
_BACK = struct.Struct("<i")
_SLOT = struct.Struct("<H")

#: Bytes of the longest text that is read.
_MAX_TEXT = 1 << 16


@dataclass(frozen=True, slots=True)
class FlatTable:
    """A table in a file. Fields have numbers; those that aren't there have defaults.

    Attributes:
        data: The file.
        position: The position of the table.
    """

    data: memoryview
    position: int

    def number(self, field: int, form: str, default: Any = 0) -> Any:
        """A field with a number.

        Args:
            field: The number of the field.
            form: Format of `struct`, one letter.
            default: The value of a field that isn't there.

        Raises:
            FormatError: The field is outside the file.
        """
        place = self._place(field)
        return default if place is None else _unpack(struct.Struct("<" + form), self.data, place)

    def text(self, field: int) -> str:
        """A field with a text; empty if it isn't there.

        Raises:
            FormatError: It isn't UTF-8, or longer than 64 KiB, or outside the file.
        """
        start, count = self.vector(field, 1)
        if count > _MAX_TEXT:
            raise FormatError(f"a text has {count:,} bytes, more than {_MAX_TEXT:,}")
        try:
            return str(self.data[start : start + count], "utf-8")
        except UnicodeDecodeError as error:
            raise FormatError("a text isn't UTF-8") from error

    def vector(self, field: int, size: int) -> tuple[int, int]:
        """The position of the first item of a vector, and the number of items; none if it isn't there.

        Args:
            field: The number of the field.
            size: Bytes of an item.

        Raises:
            FormatError: The vector is outside the file.
        """
        place = self._place(field)
        if place is None:
            return 0, 0
        place += _unpack(_OFFSET, self.data, place)
        count = _unpack(_OFFSET, self.data, place)
        if count * size > len(self.data) - place - _OFFSET.size:
            raise FormatError("a vector is longer than the file")
        return place + _OFFSET.size, count

    def numbers(self, field: int, form: str, most: int) -> tuple[Any, ...]:
        """The first items of a vector of numbers.

        Args:
            field: The number of the field.
            form: Format of `struct` of an item, one letter.
            most: The most items to give.

        Raises:
            FormatError: The vector is outside the file.
        """
        start, count = self.vector(field, struct.calcsize("<" + form))
        return struct.unpack_from(f"<{min(count, most)}{form}", self.data, start)

    def table(self, field: int) -> FlatTable | None:
        """A field with a table; `None` if it isn't there.

        Raises:
            FormatError: The field is outside the file.
        """
        place = self._place(field)
        return None if place is None else FlatTable(self.data, place + _unpack(_OFFSET, self.data, place))

    def tables(self, field: int) -> Iterator[FlatTable]:
        """The tables in a vector, in order.

        Raises:
            FormatError: The vector is outside the file.
        """
        start, count = self.vector(field, _OFFSET.size)
        for place in range(start, start + _OFFSET.size * count, _OFFSET.size):
            yield FlatTable(self.data, place + _unpack(_OFFSET, self.data, place))

    def _place(self, field: int) -> int | None:
        """The position of a field; `None` if it isn't there."""
        slots = self.position - _unpack(_BACK, self.data, self.position)
        if 4 + 2 * field >= _unpack(_SLOT, self.data, slots):
            return None
        offset = _unpack(_SLOT, self.data, slots + 4 + 2 * field)
        return self.position + offset if offset else None


def root_table(data: memoryview) -> FlatTable:
    """The table that a file begins with.

    Raises:
        FormatError: The file is too short.
    """
    return FlatTable(data, _unpack(_OFFSET, data, 0))


def _unpack(form: struct.Struct, data: memoryview, position: int) -> Any:
    # A negative position would count from the end.
    if not 0 <= position <= len(data) - form.size:
        raise FormatError("an offset points out of the file")
    return form.unpack_from(data, position)[0]
