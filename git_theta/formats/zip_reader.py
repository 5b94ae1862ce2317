"""Zip archives: the positions of their members' bytes and checksums."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from itertools import pairwise

from git_theta.errors import FormatError
from git_theta.formats.zip_structs import (
    DESCRIBED,
    DESCRIPTOR_MAGIC,
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
    WIDE_16,
    WIDE_32,
)

STORED, DEFLATED = 0, 8

#: A compressed member may have so many times the bytes that it has in the archive; pickles have 4 to 8 times.
_MAX_EXPANSION = 16

#: Bytes that a compressed member may have in any case.
_ALWAYS_EXPANDED = 1 << 20

_ENCRYPTED = 1
_MAX_COMMENT = 0xFFFF


@dataclass(frozen=True, slots=True)
class Member:
    """One member of an archive.

    Attributes:
        name: Its path.
        offset: Position of its bytes.
        size: Size of the expanded bytes.
        packed: Size of the bytes in the archive.
        method: `STORED`, `DEFLATED`, or a method that isn't supported.
        crc: Position of its CRC-32 in the directory.
        crcs: Positions of all its CRC-32s: in the directory, and next to its bytes.
        header: Position of its own header, which its bytes follow.
    """

    name: str
    offset: int
    size: int
    packed: int
    method: int
    crc: int
    crcs: tuple[int, ...]
    header: int


def directory_range(data: memoryview) -> tuple[int, int]:
    """Start and end of the central directory.

    Raises:
        FormatError: The archive has no end record, or a wrong one.
    """
    tail = max(0, len(data) - END.size - _MAX_COMMENT)
    found = bytes(data[tail:]).rfind(END_MAGIC)
    if found < 0 or tail + found + END.size > len(data):
        raise FormatError("the zip archive has no end record")
    position = tail + found
    _, _, _, _, entries, size, start, comment = END.unpack_from(data, position)
    if position + END.size + comment != len(data):
        raise FormatError("the zip archive goes on after its end record")
    end = position
    if position >= LOCATOR_64.size and bytes(data[position - LOCATOR_64.size :][:4]) == LOCATOR_64_MAGIC:
        _, _, position_64, _ = LOCATOR_64.unpack_from(data, position - LOCATOR_64.size)
        if position_64 + END_64.size > position or bytes(data[position_64 : position_64 + 4]) != END_64_MAGIC:
            raise FormatError("the zip archive's 64-bit end record isn't where it should be")
        *_, size, start = END_64.unpack_from(data, position_64)
        end = position_64
    elif entries == WIDE_16 or WIDE_32 in (size, start):
        raise FormatError("the zip archive lacks its 64-bit end record")
    if start + size != end:
        raise FormatError("the zip archive's directory isn't where it should be")
    return start, end


def directory_bytes(data: memoryview, most: int) -> bytes:
    """The central directory of a zip archive; empty if it's damaged, or longer than `most` bytes.

    Args:
        data: Any file; one that doesn't begin with a member has no directory.
        most: Bytes of a directory that are worth reading to recognise a format.
    """
    if data[:4] != LOCAL_MAGIC:
        return b""
    try:
        start, end = directory_range(data)
    except FormatError:
        return b""
    return bytes(data[start:end]) if end - start <= most else b""


def first_member_name(data: memoryview) -> bytes:
    """The name of the archive's first member, by its own header; it's cut off where the archive ends."""
    if len(data) < LOCAL.size or bytes(data[:4]) != LOCAL_MAGIC:
        return b""
    *_, name_size, _extra_size = LOCAL.unpack_from(data)
    return bytes(data[LOCAL.size : LOCAL.size + name_size])


def zip_members(data: memoryview) -> list[Member]:
    """The members of an archive, in the order of its directory.

    Raises:
        FormatError: Any record is damaged, disagrees with another one, or lies in another one.
    """
    start, end = directory_range(data)
    found, position = [], start
    while position < end:
        member, position = _member(data, position, end, start)
        found.append(member)
    if len({member.name for member in found}) < len(found):
        raise FormatError("the zip archive has two members of one name")
    # The members' bytes have checksums: together they mustn't be more than the file's.
    for before, after in pairwise(sorted(found, key=lambda member: member.header)):
        if after.header < before.offset + before.packed:
            raise FormatError(f"the members {before.name} and {after.name} of the zip archive overlap")
    return found


def read_member(data: memoryview, member: Member, limit: int) -> bytes:
    """The bytes of a member, expanded.

    Raises:
        FormatError: It's larger than `limit` bytes, damaged, or compressed in an unusual way.
    """
    if member.size > limit:
        raise FormatError(f"{member.name} is too large: {member.size} bytes")
    packed = data[member.offset : member.offset + member.packed]
    if member.method == STORED:
        return bytes(packed)
    if member.method != DEFLATED:
        raise FormatError(f"{member.name} is compressed with method {member.method}")
    if member.size > max(_ALWAYS_EXPANDED, _MAX_EXPANSION * member.packed):
        raise FormatError(f"{member.name} claims to have {member.size} bytes, compressed to {member.packed}")
    try:
        content = zlib.decompressobj(-15).decompress(packed, member.size + 1)
    except zlib.error as error:
        raise FormatError(f"{member.name} is damaged: {error}") from error
    if len(content) != member.size:
        raise FormatError(f"{member.name} doesn't have the size that it should have")
    return content


def _member(data: memoryview, position: int, end: int, limit: int) -> tuple[Member, int]:
    """The member whose directory entry is at `position`, and the position of the next entry."""
    if position + ENTRY.size > end:
        raise FormatError("the zip archive's directory is cut off")
    entry = ENTRY.unpack_from(data, position)
    signature, _, _, flags, method, _, _, _, packed, size, n_name, n_extra, n_comment, *_, local = entry
    after_name = position + ENTRY.size + n_name
    following = after_name + n_extra + n_comment
    if signature != ENTRY_MAGIC or following > end or flags & _ENCRYPTED:
        raise FormatError("an entry of the zip archive's directory is damaged or encrypted")
    name = bytes(data[after_name - n_name : after_name])
    extra = bytes(data[after_name : after_name + n_extra])
    size, packed, local = _sizes_64(extra, size, packed, local)
    if local + LOCAL.size > limit:
        raise FormatError("a member of the zip archive lies outside it")
    begin, _, local_flags, local_method, *_, n_local_name, n_local_extra = LOCAL.unpack_from(data, local)
    local_name = local + LOCAL.size
    offset = local_name + n_local_name + n_local_extra
    if begin != LOCAL_MAGIC or bytes(data[local_name : local_name + n_local_name]) != name:
        raise FormatError("a member of the zip archive isn't where its directory says")
    if local_method != method or offset + packed > limit or (method == STORED and size != packed):
        raise FormatError("a member of the zip archive disagrees with its directory")
    crc = position + 16
    local_crc = _descriptor(data, offset + packed) if local_flags & DESCRIBED else local + 14
    crcs = (crc, local_crc) if local_crc + 4 <= limit else (crc,)
    text = name.decode("utf-8", "backslashreplace")
    return Member(text, offset, size, packed, method, crc, crcs, local), following


def _sizes_64(extra: bytes, *fields: int) -> list[int]:
    """The fields; one that didn't fit into 32 bits is replaced from the 64-bit extra field."""
    if WIDE_32 not in fields:
        return list(fields)
    position = 0
    while position + 4 <= len(extra):
        kind, size = struct.unpack_from("<2H", extra, position)
        values = extra[position + 4 : position + 4 + size]
        if kind == 1:
            wide = iter(struct.unpack(f"<{len(values) // 8}Q", values[: len(values) // 8 * 8]))
            found = [next(wide, -1) if field == WIDE_32 else field for field in fields]
            if -1 not in found:
                return found
            break
        position += 4 + size
    raise FormatError("the zip archive lacks the size of a large member")


def _descriptor(data: memoryview, position: int) -> int:
    """Position of the CRC-32 in the descriptor after a member, which may start with a signature."""
    return position + 4 if bytes(data[position : position + 4]) == DESCRIPTOR_MAGIC else position
