"""Protocol Buffers: the fields of a message, found without knowing its type."""

from __future__ import annotations

from collections.abc import Iterator
from re import Pattern

from git_theta.errors import FormatError

#: Wire types: how a field's content is written.
VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5

#: A field: its number, its wire type, and the positions of its content's first byte and of the byte after it.
Field = tuple[int, int, int, int]

#: Bytes of the longest varint, which has 64 bits.
_MAX_VARINT = 10


class WireReader:
    """Reads the messages of one file, up to a number of fields in all.

    Args:
        data: The file.
        most: The most fields that are read, which bounds the time.
    """

    def __init__(self, data: memoryview, most: int) -> None:
        self.data = data
        self._most = self._left = most

    def fields(self, start: int, end: int, skipped: Pattern[bytes] | None = None) -> Iterator[Field]:
        """The fields of a message, in order.

        Args:
            start: Position of the message's first byte.
            end: Position after its last byte.
            skipped: Matches fields in a row that aren't wanted, of which there may be millions.

        Raises:
            FormatError: The bytes aren't those of a message, or the file has more fields than any real one.
        """
        data, position = self.data, start
        while position < end:
            if skipped and (match := skipped.match(data, position, end)):
                position = match.end()
                continue
            self._left -= 1
            if self._left < 0:
                raise FormatError(f"it has more than {self._most:,} fields")
            tag, content = data[position], position + 1
            if tag > 0x7F:
                tag, content = read_varint(data, position, end)
            wire = tag & 7
            if wire == LENGTH:
                # Most lengths and numbers have one byte.
                length = data[content] if content < end else 0x80
                if length < 0x80:
                    content += 1
                else:
                    length, content = read_varint(data, content, end)
                position = content + length
            elif wire == VARINT:
                position = content + 1
                if position > end or data[content] > 0x7F:
                    _, position = read_varint(data, content, end)
            elif wire in (FIXED32, FIXED64):
                position = content + (4 if wire == FIXED32 else 8)
            else:
                raise FormatError(f"a field at byte {position} is of the unknown wire type {wire}")
            if position > end or tag < 8:
                raise FormatError(f"the field at byte {content} doesn't end in its message, or has no number")
            yield tag >> 3, wire, content, position

    def text(self, start: int, end: int) -> str:
        """A field's content as a text.

        Raises:
            FormatError: It isn't UTF-8.
        """
        try:
            return str(self.data[start:end], "utf-8")
        except UnicodeDecodeError as error:
            raise FormatError(f"the text at byte {start} isn't UTF-8") from error

    def number(self, start: int, end: int) -> int:
        """The signed number that a varint is."""
        value, _ = read_varint(self.data, start, end)
        return value - (1 << 64) if value >> 63 else value

    def numbers(self, wire: int, start: int, end: int) -> Iterator[int]:
        """The signed numbers of a repeated field's content: one, or all of them in a row.

        Args:
            wire: Wire type of the field.
            start: Position of the content.
            end: Position after it.
        """
        while wire in (VARINT, LENGTH) and start < end:
            value, start = read_varint(self.data, start, end)
            yield value - (1 << 64) if value >> 63 else value


def read_varint(data: memoryview, position: int, end: int) -> tuple[int, int]:
    """An unsigned number of up to 64 bits, and the position after it.

    Raises:
        FormatError: It has more bits, or doesn't end before `end`.
    """
    value = shift = 0
    for at in range(position, min(position + _MAX_VARINT, end)):
        byte = data[at]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, at + 1
        shift += 7
    raise FormatError(f"the number at byte {position} has no end")


def varint(value: int) -> bytes:
    """The bytes of a number, which may be negative."""
    value &= 0xFFFF_FFFF_FFFF_FFFF
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)


def tag(number: int, wire: int) -> bytes:
    """The bytes that a field of this number and wire type begins with."""
    return varint(number << 3 | wire)
