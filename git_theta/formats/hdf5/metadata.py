"""The metadata of an HDF5 file: blocks that name each other by their addresses, read within bounds.

Real blocks lie apart, and each has one owner. So a block is read once, and all reads together have at most
twice the bytes of the file: circles end, and time is in proportion to the file, whatever it claims.
"""

from __future__ import annotations

from git_theta.errors import FormatError


class Fields:
    """The fields of a block, one after another.

    Args:
        content: The bytes of the block.
        file: The file.

    Attributes:
        position: Position of the next field in the block.
    """

    __slots__ = ("_content", "_file", "position")

    def __init__(self, content: memoryview, file: Metadata) -> None:
        self._content = content
        self._file = file
        self.position = 0

    @property
    def left(self) -> int:
        """Bytes that follow."""
        return len(self._content) - self.position

    def number(self, nbytes: int) -> int:
        """The next whole number of so many bytes, little-endian.

        Raises:
            FormatError: The block ends before.
        """
        start = self.position
        end = start + nbytes
        if end > len(self._content):
            raise FormatError("a block of metadata ends early")
        self.position = end
        return int.from_bytes(self._content[start:end], "little")

    def take(self, nbytes: int) -> memoryview:
        """The next bytes.

        Raises:
            FormatError: The block ends before.
        """
        end = self.position + nbytes
        if end > len(self._content):
            raise FormatError("a block of metadata ends early")
        found = self._content[self.position : end]
        self.position = end
        return found

    def address(self) -> int | None:
        """The position in the file that the next address means; `None` for the undefined one.

        Raises:
            FormatError: The block ends before.
        """
        number = self.number(self._file.offset_size)
        return None if number == self._file.undefined else self._file.base + number

    def length(self) -> int:
        """The next length.

        Raises:
            FormatError: The block ends before.
        """
        return self.number(self._file.length_size)


class Metadata:
    """Reads blocks of a file.

    Args:
        data: The file.
        base: Position in the file from which addresses count.
        offset_size: Bytes of an address.
        length_size: Bytes of a length.

    Attributes:
        size: Bytes of the file.
        blocks: Position → size of each block that was read.
    """

    def __init__(self, data: memoryview, base: int, offset_size: int, length_size: int) -> None:
        self.base, self.offset_size, self.length_size = base, offset_size, length_size
        self.undefined = (1 << 8 * offset_size) - 1
        self.blocks: dict[int, int] = {}
        self.size = len(data)
        self._data = data
        self._left = 2 * len(data)

    def block(self, position: int, nbytes: int, signature: bytes = b"") -> Fields:
        """A block of metadata; with a signature, the fields that follow it.

        Raises:
            FormatError: It isn't in the file, was read before, or has another signature; or blocks have too
                many bytes together.
        """
        if position in self.blocks:
            raise FormatError("a block of metadata is used twice, or the blocks form a circle")
        found = self.peek(position, nbytes)
        if found.take(len(signature)) != signature:
            raise FormatError(f"a block of metadata isn't the {signature.decode()} that it should be")
        self.blocks[position] = nbytes
        self.spend(nbytes)
        return found

    def spend(self, nbytes: int) -> None:
        """Count bytes that are read or copied.

        Raises:
            FormatError: They're more than twice those of the file.
        """
        self._left -= nbytes
        if self._left < 0:
            raise FormatError("the metadata has more bytes than the file")

    def peek(self, position: int, nbytes: int) -> Fields:
        """A few bytes in the file, which may be read again: the begin of a block that follows.

        Raises:
            FormatError: They aren't in the file.
        """
        if position + nbytes > len(self._data):
            raise FormatError("metadata lies outside the file")
        return Fields(self._data[position : position + nbytes], self)

    def fields(self, content: memoryview) -> Fields:
        """The fields of bytes that are part of a block."""
        return Fields(content, self)


def bytes_for(number: int) -> int:
    """Bytes of the fields in which numbers up to this one are."""
    return (max(number.bit_length(), 1) - 1) // 8 + 1
