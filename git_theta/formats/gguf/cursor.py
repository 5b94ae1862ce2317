"""A position in the header of a GGUF file, which moves over numbers, strings and values of metadata."""

from __future__ import annotations

import struct
from typing import Any

from git_theta.errors import FormatError

#: The type of a string among the values of metadata, and that of an array.
STRING, ARRAY = 8, 9

#: Formats of `struct` of the other types, by number.
CODES = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}

#: The most values and elements of arrays in a header; the largest vocabularies have a million of words.
_MAX_ITEMS = 3_000_000

#: How deeply arrays may be nested.
_MAX_NESTED = 4


class HeaderCursor:
    """Reads a header from its beginning.

    Args:
        data: The file.
        position: Where to begin, in bytes.
        big_endian: Whether numbers have their most significant byte first.

    Attributes:
        position: The position of the next byte.
    """

    def __init__(self, data: memoryview, position: int, big_endian: bool) -> None:
        self.position = position
        self._data = data
        self._order = ">" if big_endian else "<"
        self._length = struct.Struct(self._order + "Q")
        self._items = 0

    def number(self, code: str) -> Any:
        """The next number, of a format of `struct`.

        Raises:
            FormatError: The file ends before.
        """
        try:
            (found,) = struct.unpack_from(self._order + code, self._data, self.position)
        except struct.error as error:
            raise FormatError("the file ends inside its header") from error
        self.position += struct.calcsize(self._order + code)
        return found

    def text(self, most: int) -> str:
        """The next string.

        Args:
            most: The most bytes that it may have.

        Raises:
            FormatError: It's longer than that, or no UTF-8, or the file ends before.
        """
        length = self.number("Q")
        if length > most:
            raise FormatError(f"a name has {length:,} bytes, more than {most:,}")
        start = self.position
        self._skip(length)
        try:
            return str(self._data[start : self.position], "utf-8")
        except UnicodeDecodeError as error:
            raise FormatError("a name isn't UTF-8") from error

    def skip_value(self, kind: int, nested: int = 0) -> None:
        """Move over a value of metadata.

        Args:
            kind: Number of its type.
            nested: The number of arrays that it's in.

        Raises:
            FormatError: There's no such value, or there are too many, or the file ends before.
        """
        self._count(1)
        if kind in CODES:
            self._skip(struct.calcsize("<" + CODES[kind]))
        elif kind == STRING:
            self._skip(self.number("Q"))
        elif kind == ARRAY and nested < _MAX_NESTED:
            element, count = self.number("I"), self.number("Q")
            if element in CODES:
                self._skip(count * struct.calcsize("<" + CODES[element]))
            elif element == STRING:
                self._skip_strings(count)
            else:
                self._count(count)
                for _ in range(count):
                    self.skip_value(element, nested + 1)
        else:
            raise FormatError(f"metadata of the unknown type {kind}, or arrays that are nested too deeply")

    def _skip_strings(self, count: int) -> None:
        """Move over strings, of which vocabularies have hundreds of thousands."""
        self._count(count)
        unpack, data, position, size = self._length.unpack_from, self._data, self.position, len(self._data)
        try:
            for _ in range(count):
                position += 8 + unpack(data, position)[0]
                if position > size:
                    break
        except struct.error as error:
            raise FormatError("the file ends inside its header") from error
        self.position = 0
        self._skip(position)

    def _count(self, count: int) -> None:
        self._items += count
        if self._items > _MAX_ITEMS:
            raise FormatError(f"the metadata has more than {_MAX_ITEMS:,} values")

    def _skip(self, nbytes: int) -> None:
        if nbytes > len(self._data) - self.position:
            raise FormatError("the file ends inside its header")
        self.position += nbytes
