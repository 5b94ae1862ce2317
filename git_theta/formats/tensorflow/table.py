"""Tables of LevelDB, uncompressed: sorted keys and their values, in blocks."""

from __future__ import annotations

from collections.abc import Iterator

from git_theta.errors import FormatError
from git_theta.formats.protobuf import read_varint

#: The end of a table: two handles, zeros, and a magic number.
_FOOTER = 48
_MAGIC = 0xDB4775248B80FB57.to_bytes(8, "little")

#: Bytes of a key at most, and of all keys together.
MAX_KEY = 4096
_MAX_KEYS = 1 << 26

#: A block's byte that says that it isn't compressed.
_PLAIN = 0


def table_entries(data: memoryview) -> Iterator[tuple[bytes, int, int]]:
    """Each key with first and one-past-last position of its value, in order.

    Raises:
        FormatError: The table is damaged or compressed, or its blocks overlap.
    """
    if len(data) < _FOOTER or data[-8:] != _MAGIC:
        raise FormatError("the index has no end")
    footer = len(data) - _FOOTER
    _, _, position = _handle(data, footer, len(data))
    start, end, _ = _handle(data, position, len(data))
    left = _MAX_KEYS
    done = 0
    for _, *place in _block(data, start, end):
        first, last, _ = _handle(data, *place)
        if first < done:
            raise FormatError("the blocks of the index aren't in order")
        done = last
        for entry in _block(data, first, last):
            left -= len(entry[0])
            if left < 0:
                raise FormatError("the index has longer keys than real ones")
            yield entry


def _handle(data: memoryview, position: int, end: int) -> tuple[int, int, int]:
    """First and one-past-last position of a block, and the position after the handle."""
    start, position = read_varint(data, position, end)
    size, position = read_varint(data, position, end)
    return start, start + size, position


def _block(data: memoryview, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """The entries of a block. A key begins with a part of the one before it."""
    if end + 5 > len(data) or end - start < 4:
        raise FormatError("a block of the index lies outside of it")
    if data[end] != _PLAIN:
        raise FormatError("the index is compressed")
    restarts = int.from_bytes(data[end - 4 : end], "little")
    position, end = start, end - 4 - 4 * restarts
    key = b""
    while position < end:
        shared, position = read_varint(data, position, end)
        more, position = read_varint(data, position, end)
        size, position = read_varint(data, position, end)
        if shared > len(key) or shared + more > MAX_KEY or position + more + size > end:
            raise FormatError("an entry of the index is damaged, or its key is too long")
        key = key[:shared] + bytes(data[position : position + more])
        position += more + size
        yield key, position - size, position
