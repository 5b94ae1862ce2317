"""The superblock of an HDF5 file: the sizes of addresses, and the place of the root group."""

from __future__ import annotations

from dataclasses import dataclass

from git_theta.errors import FormatError
from git_theta.formats.hdf5.metadata import Metadata

SIGNATURE = b"\x89HDF\r\n\x1a\n"

#: The user's own bytes before the superblock are none, or a power of two from 512 on.
_FIRST_USER_BLOCK = 512
_LAST_USER_BLOCK = 1 << 24

#: Sizes of addresses and of lengths.
_SIZES = (2, 4, 8)

#: Bytes of a superblock before its addresses in versions 0, 1, and 2.
_HEADS = (24, 28, 12)


@dataclass(frozen=True, slots=True)
class Superblock:
    """Where a file's metadata begins.

    Attributes:
        metadata: Reads the file's blocks.
        root: Position of the root group's object header.
    """

    metadata: Metadata
    root: int


def find_superblock(data: memoryview) -> int | None:
    """The position of the superblock; `None` if there's none."""
    position = 0
    while position <= _LAST_USER_BLOCK and position + len(SIGNATURE) <= len(data):
        if data[position : position + len(SIGNATURE)] == SIGNATURE:
            return position
        position = 2 * position or _FIRST_USER_BLOCK
    return None


def read_superblock(data: memoryview) -> Superblock:
    """The superblock of a file.

    Raises:
        FormatError: There's none, it's of another version, or the file is cut off.
    """
    start = find_superblock(data)
    if start is None or start + _HEADS[0] > len(data):
        raise FormatError("the file has no superblock")
    version = data[start + 8]
    if version > 3:
        raise FormatError(f"version {version} of the superblock isn't known")
    sizes = start + (13 if version < 2 else 9)
    offset_size, length_size = data[sizes], data[sizes + 1]
    if offset_size not in _SIZES or length_size not in _SIZES:
        raise FormatError(f"addresses of {offset_size} bytes, and lengths of {length_size}, are none")
    fields = Metadata(data, 0, offset_size, length_size).peek(
        start, min(len(data) - start, _HEADS[min(version, 2)] + 6 * offset_size)
    )
    fields.take(_HEADS[min(version, 2)])
    fields.number(offset_size)
    # Of older files: free space; of newer ones: an extension.
    fields.number(offset_size)
    end = fields.number(offset_size)
    if version < 2:
        # A driver's block, then the root group's entry: its name, and its object header.
        fields.number(offset_size)
        fields.number(offset_size)
    root = fields.number(offset_size)
    # Addresses count from the superblock also where the base address is another, as the user's bytes were put
    # in front by another program.
    if end > len(data):
        raise FormatError("the file is cut off")
    return Superblock(Metadata(data, start, offset_size, length_size), start + root)
