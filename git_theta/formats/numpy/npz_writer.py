"""Lay out a zip archive as NumPy does: stored members with 64-bit sizes."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from git_theta.formats.base import ComposeError
from git_theta.formats.blank import blank
from git_theta.formats.zip_structs import (
    ENTRY,
    ENTRY_MAGIC,
    LOCAL,
    LOCAL_MAGIC,
    UTF_8,
    WIDE_16,
    WIDE_32,
    narrow_end,
    wide_end,
    wide_field,
)

#: Version 4.5 of the format, which has 64-bit sizes, and that of Unix.
_VERSION, _UNIX = 45, 3 << 8

#: The first day of 1980, at midnight; a file that only its owner may read and write.
_DATE, _MODE = 0x21, 0o600 << 16

#: The largest number that Python's `zipfile` writes in 32 bits.
_LIMIT = (1 << 31) - 1


@dataclass(frozen=True, slots=True)
class NewMember:
    """A member of a new archive.

    Attributes:
        name: Its path.
        head: Its first bytes: the header of an array, or all of another member.
        size: All of its bytes; those after `head` are elements, which aren't known.
    """

    name: str
    head: bytes
    size: int

    @property
    def crc(self) -> int:
        """The CRC-32 of its bytes; 0 if there are elements."""
        return zlib.crc32(self.head) if self.size == len(self.head) else 0


def write_npz(members: Sequence[NewMember]) -> memoryview:
    """A file of these members, without the elements of arrays and their checksums.

    Raises:
        ComposeError: A name is too long, or there's no room.
    """
    names = [member.name.encode() for member in members]
    if any(len(name) > WIDE_16 for name in names):
        raise ComposeError("the name of an array is too long")
    heads = [_local(member, name) for member, name in zip(members, names, strict=True)]
    places, position = [], 0
    for member, head in zip(members, heads, strict=True):
        places.append(position)
        position += len(head) + member.size
    triples = zip(members, names, places, strict=True)
    directory = b"".join(_entry(member, name, place) for member, name, place in triples)
    tail = directory + _end(position, len(directory), len(members))
    data = blank(position + len(tail))
    for member, head, place in zip(members, heads, places, strict=True):
        begin = head + member.head
        data[place : place + len(begin)] = begin
    data[position:] = tail
    return data


def _flags(member: NewMember) -> int:
    return 0 if member.name.isascii() else UTF_8


def _local(member: NewMember, name: bytes) -> bytes:
    extra = wide_field(member.size, member.size)
    numbers = (member.crc, WIDE_32, WIDE_32, len(name), len(extra))
    return LOCAL.pack(LOCAL_MAGIC, _VERSION, _flags(member), 0, 0, _DATE, *numbers) + name + extra


def _entry(member: NewMember, name: bytes, place: int) -> bytes:
    sizes = (member.size, member.size) if member.size > _LIMIT else ()
    numbers = (*sizes, *((place,) if place > _LIMIT else ()))
    extra = wide_field(*numbers)
    size = WIDE_32 if sizes else member.size
    head = ENTRY.pack(
        ENTRY_MAGIC,
        _VERSION | _UNIX,
        _VERSION,
        _flags(member),
        0,
        0,
        _DATE,
        member.crc,
        size,
        size,
        len(name),
        len(extra),
        0,
        0,
        0,
        _MODE,
        WIDE_32 if place > _LIMIT else place,
    )
    return head + name + extra


def _end(start: int, size: int, count: int) -> bytes:
    is_wide = count > WIDE_16 or start > _LIMIT or size > _LIMIT
    wide = wide_end(start, size, count, _VERSION, _VERSION) if is_wide else b""
    return wide + narrow_end(start, size, count)
