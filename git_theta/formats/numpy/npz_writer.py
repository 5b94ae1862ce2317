"""Lay out a zip archive as NumPy does: stored members with 64-bit sizes."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from git_theta.formats.base import ComposeError
from git_theta.formats.blank import blank
from git_theta.formats.zip_structs import (
    END,
    END_64,
    END_64_MAGIC,
    END_MAGIC,
    ENTRY,
    ENTRY_MAGIC,
    LOCAL,
    LOCAL_MAGIC,
    LOCATOR_64,
    LOCATOR_64_MAGIC,
)

#: Version 4.5 of the format, which has 64-bit sizes, and that of Unix.
_VERSION, _UNIX = 45, 3 << 8

#: The first day of 1980, at midnight; a file that only its owner may read and write.
_DATE, _MODE = 0x21, 0o600 << 16

_UTF_8 = 1 << 11
_MANY_16, _MANY_32 = 0xFFFF, 0xFFFFFFFF

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
    if any(len(name) > _MANY_16 for name in names):
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
    return 0 if member.name.isascii() else _UTF_8


def _local(member: NewMember, name: bytes) -> bytes:
    extra = struct.pack("<2H2Q", 1, 16, member.size, member.size)
    numbers = (member.crc, _MANY_32, _MANY_32, len(name), len(extra))
    return LOCAL.pack(LOCAL_MAGIC, _VERSION, _flags(member), 0, 0, _DATE, *numbers) + name + extra


def _entry(member: NewMember, name: bytes, place: int) -> bytes:
    sizes = (member.size, member.size) if member.size > _LIMIT else ()
    numbers = (*sizes, *((place,) if place > _LIMIT else ()))
    extra = struct.pack(f"<2H{len(numbers)}Q", 1, 8 * len(numbers), *numbers) if numbers else b""
    size = _MANY_32 if sizes else member.size
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
        _MANY_32 if place > _LIMIT else place,
    )
    return head + name + extra


def _end(start: int, size: int, count: int) -> bytes:
    wide = b""
    if count > _MANY_16 or start > _LIMIT or size > _LIMIT:
        versions = (_VERSION, _VERSION, 0, 0)
        wide = END_64.pack(END_64_MAGIC, END_64.size - 12, *versions, count, count, size, start)
        wide += LOCATOR_64.pack(LOCATOR_64_MAGIC, 0, start + size, 1)
    few = min(count, _MANY_16)
    return wide + END.pack(END_MAGIC, 0, 0, few, few, min(size, _MANY_32), min(start, _MANY_32), 0)
