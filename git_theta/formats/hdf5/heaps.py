"""Heaps of an HDF5 file, in which names, attributes, and texts of any length are."""

from __future__ import annotations

from bisect import bisect_right
from functools import cached_property

from git_theta.errors import FormatError
from git_theta.formats.hdf5.btrees import records
from git_theta.formats.hdf5.metadata import Fields, Metadata, bytes_for

#: Bytes of a name at most.
MAX_NAME = 4096

#: Kinds of objects in a fractal heap.
_MANAGED, _HUGE, _TINY = 0, 1, 2

#: The kind of records of huge objects in a B-tree.
_HUGE_OBJECTS = 1

#: Bits of a fractal heap's addresses, and its width.
_MAX_BITS, _MAX_WIDTH = 64, 1 << 10


class LocalHeap:
    """The names of a group's members.

    Args:
        file: The file.
        position: Position of the heap.

    Raises:
        FormatError: The heap is damaged.
    """

    def __init__(self, file: Metadata, position: int) -> None:
        head = file.block(position, 8 + 2 * file.length_size + file.offset_size, b"HEAP")
        head.take(4)
        size = head.length()
        head.length()
        start = head.address()
        self._content = file.block(start, size).take(size) if start is not None else memoryview(b"")

    def name(self, offset: int) -> bytes:
        """The name that begins at an offset.

        Raises:
            FormatError: There's none.
        """
        found, end, _ = bytes(self._content[offset : offset + MAX_NAME + 1]).partition(b"\0")
        if not end:
            raise FormatError("a name in a heap has no end, or is too long")
        return found


class GlobalHeap:
    """A collection of objects by number, such as texts of any length.

    Args:
        file: The file.
        position: Position of the collection.

    Raises:
        FormatError: The collection is damaged.
    """

    def __init__(self, file: Metadata, position: int) -> None:
        head = file.peek(position, 8 + file.length_size)
        head.take(8)
        size = head.length()
        content = file.block(position, size, b"GCOL")
        # The collection's header, and each object's, end at multiples of 8.
        header = 8 + file.length_size
        header += -header % 8
        content.take(header - 4)
        self._objects: dict[int, memoryview] = {}
        while content.left >= header:
            number = content.number(2)
            content.take(6)
            length = content.length()
            content.take(header - 8 - file.length_size)
            if not number:
                break
            self._objects[number] = content.take(length)
            content.take(min(-length % 8, content.left))

    def object(self, number: int) -> memoryview:
        """The bytes of an object.

        Raises:
            FormatError: There's none of this number.
        """
        if number not in self._objects:
            raise FormatError("a heap lacks an object")
        return self._objects[number]


class FractalHeap:
    """A heap of links or attributes: blocks of growing sizes, found by rows of a table.

    Args:
        file: The file.
        position: Position of the heap's header.

    Raises:
        FormatError: The heap is damaged, or compressed.
    """

    def __init__(self, file: Metadata, position: int) -> None:
        self._file = file
        offset, length = file.offset_size, file.length_size
        head = file.block(position, 26 + 3 * offset + 12 * length, b"FRHP")
        version = head.number(1)
        self._id_size, filters, _ = head.number(2), head.number(2), head.number(1)
        largest = head.number(4)
        head.length()
        self._huge = head.address()
        head.take(length + offset + 8 * length)
        self._width, self._first, self._last = head.number(2), head.length(), head.length()
        bits = head.number(2)
        head.take(2)
        self._root, self._rows = head.address(), head.number(2)
        if version or filters:
            raise FormatError("a heap is compressed, or of an unknown version")
        if not (_is_power(self._width) and self._width <= _MAX_WIDTH and 0 < bits <= _MAX_BITS):
            raise FormatError("the header of a heap makes no sense")
        if not (_is_power(self._first) and _is_power(self._last) and self._first <= self._last):
            raise FormatError("the header of a heap makes no sense")
        self._offset_size = (bits + 7) // 8
        self._length_size = min((self._last.bit_length() + 6) // 8, bytes_for(largest))

    def object(self, identifier: memoryview) -> memoryview:
        """The bytes of an object.

        Raises:
            FormatError: There's none.
        """
        fields = self._file.fields(identifier)
        mark = fields.number(1)
        kind = mark >> 4 & 3
        if kind == _TINY:
            size = (mark & 15) + 1
            if self._id_size > 17:
                size = ((mark & 15) << 8 | fields.number(1)) + 1
            return fields.take(size)
        if kind == _HUGE:
            return self._huge_object(fields)
        if kind != _MANAGED:
            raise FormatError("an object of a heap is of an unknown kind")
        offset, size = fields.number(self._offset_size), fields.number(self._length_size)
        starts, blocks = self._blocks
        index = bisect_right(starts, offset) - 1
        block = blocks[index] if index >= 0 else memoryview(b"")
        begin = offset - starts[index]
        if begin + size > len(block):
            raise FormatError("an object of a heap isn't in a block")
        return block[begin : begin + size]

    def _huge_object(self, identifier: Fields) -> memoryview:
        """An object that has a block of its own: its place is in the identifier, or in a tree."""
        if identifier.left >= self._file.offset_size + self._file.length_size:
            position, size = identifier.address(), identifier.length()
        else:
            position, size = self._huge_places.get(identifier.number(min(identifier.left, 8)), (None, 0))
        if position is None:
            raise FormatError("a heap lacks an object")
        return self._file.block(position, size).take(size)

    @cached_property
    def _huge_places(self) -> dict[int, tuple[int | None, int]]:
        """Position and size of each huge object, by its number."""
        found = {}
        if self._huge is not None:
            for record in records(self._file, self._huge, _HUGE_OBJECTS):
                place = record.address(), record.length()
                found[record.length()] = place
        return found

    @cached_property
    def _blocks(self) -> tuple[list[int], list[memoryview]]:
        """The first offset of each direct block, ascending, and its bytes."""
        found: list[tuple[int, memoryview]] = []
        # Position, offset, size or rows.
        pending: list[tuple[int, int, int, bool]] = []
        if self._root is not None:
            direct = not self._rows
            pending.append((self._root, 0, self._first if direct else self._rows, direct))
        while pending:
            position, offset, size, direct = pending.pop()
            if direct:
                block = self._file.block(position, size, b"FHDB")
                found.append((offset, self._whole(block)))
            else:
                pending += self._children(position, offset, size)
        found.sort(key=lambda pair: pair[0])
        return [offset for offset, _ in found], [block for _, block in found]

    def _whole(self, block: Fields) -> memoryview:
        block.position = 0
        return block.take(block.left)

    def _children(self, position: int, offset: int, rows: int) -> list[tuple[int, int, int, bool]]:
        """The blocks that an indirect block of some rows names."""
        if rows > _MAX_BITS:
            raise FormatError("a block of a heap makes no sense")
        head = 5 + self._file.offset_size + self._offset_size
        size = head + rows * self._width * self._file.offset_size
        block = self._file.block(position, size, b"FHIB")
        block.take(head - 4)
        found = []
        for row in range(rows):
            bytes_each = self._first << max(row - 1, 0)
            direct = bytes_each <= self._last
            # An indirect block stands for as many bytes as its rows have.
            below = bytes_each.bit_length() - (self._first * self._width).bit_length() + 1
            for _ in range(self._width):
                child = block.address()
                if child is not None:
                    if not direct and below < 1:
                        raise FormatError("a block of a heap makes no sense")
                    found.append((child, offset, bytes_each if direct else below, direct))
                offset += bytes_each
        return found


def _is_power(number: int) -> bool:
    return number > 0 and not number & (number - 1)
