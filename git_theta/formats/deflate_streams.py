"""Deflate streams in a file: the compressed members of a zip archive, or all of a gzip or zlib file."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from git_theta.errors import FormatError
from git_theta.formats.zip_reader import DEFLATED, zip_members

_ZIP, _GZIP = b"PK", b"\x1f\x8b\x08"

#: Bytes of the fixed parts of a gzip file's and of a zlib stream's header.
_GZIP_HEADER, _ZLIB_HEADER = 10, 2

#: Flags of a gzip header: what follows its fixed part.
_HAS_CRC, _HAS_EXTRA, _HAS_TEXTS = 2, 4, (8, 16)

#: Streams of less content, in bytes, or of over so many times their own bytes, aren't expanded.
_LEAST = 256
_MAX_EXPANSION = 16

#: Bytes that are expanded at a time, to count them.
_CHUNK = 1 << 20


class DeflateStream(NamedTuple):
    """A raw deflate stream in a file.

    Attributes:
        offset: Position of its first byte.
        packed: Its bytes.
        plain: Bytes that it stands for.
    """

    offset: int
    packed: int
    plain: int


def find_streams(data: memoryview) -> dict[str, DeflateStream]:
    """The deflate streams of a file by name: that of a zip archive's member; empty in a file of one stream.

    Raises:
        FormatError: The file is none with such streams, or is damaged.
    """
    if data[:2] == _ZIP:
        members = (member for member in zip_members(data) if member.method == DEFLATED)
        found = {member.name: DeflateStream(member.offset, member.packed, member.size) for member in members}
    elif data[:3] == _GZIP:
        found = {"": _measured(data, _after_gzip_header(data))}
    elif _is_zlib_header(data):
        found = {"": _measured(data, _ZLIB_HEADER)}
    else:
        raise FormatError("the file has no compressed members")
    return {
        name: each for name, each in found.items() if _LEAST <= each.plain <= _MAX_EXPANSION * each.packed
    }


def plain_beginnings(data: memoryview, each: int, most: int) -> Iterator[bytes]:
    """The first bytes that the deflate streams of a file stand for, of those that aren't damaged.

    Args:
        data: The file; one without streams gives nothing.
        each: Bytes of each stream's beginning at most.
        most: Bytes of all together at most.
    """
    for offset, end in _bounds(data):
        inflator = zlib.decompressobj(-15)
        with suppress(zlib.error):
            plain = inflator.decompress(data[offset:end], min(each, most))
            most -= len(plain)
            if plain:
                yield plain
        if most <= 0:
            return


def _bounds(data: memoryview) -> list[tuple[int, int]]:
    """The first byte of each stream, and one that isn't before its end."""
    with suppress(FormatError):
        if data[:2] == _ZIP:
            packed = (member for member in zip_members(data) if member.method == DEFLATED)
            return [(member.offset, member.offset + member.packed) for member in packed]
        if data[:3] == _GZIP:
            return [(_after_gzip_header(data), len(data))]
        if _is_zlib_header(data):
            return [(_ZLIB_HEADER, len(data))]
    return []


def may_have_streams(data: memoryview) -> bool:
    """Whether a file begins as one with deflate streams."""
    return data[:2] == _ZIP or data[:3] == _GZIP or _is_zlib_header(data)


def _is_zlib_header(data: memoryview) -> bool:
    if len(data) < _ZLIB_HEADER:
        return False
    method, flags = data[0], data[1]
    return method & 15 == 8 and method >> 4 <= 7 and (method << 8 | flags) % 31 == 0 and not flags & 32


def _after_gzip_header(data: memoryview) -> int:
    flags, position = data[3] if len(data) > 3 else 0, _GZIP_HEADER
    if flags & _HAS_EXTRA:
        position += 2 + int.from_bytes(data[position : position + 2], "little")
    for text in _HAS_TEXTS:
        if flags & text:
            end = bytes(data[position : position + _CHUNK]).find(b"\0")
            if end < 0:
                raise FormatError("the gzip header is cut off")
            position += end + 1
    return position + (2 if flags & _HAS_CRC else 0)


def _measured(data: memoryview, offset: int) -> DeflateStream:
    """The stream that begins at a position."""
    inflator = zlib.decompressobj(-15)
    plain = 0
    try:
        for start in range(offset, len(data), _CHUNK):
            rest: bytes | memoryview = data[start : start + _CHUNK]
            while rest and not inflator.eof:
                plain += len(inflator.decompress(rest, _CHUNK))
                rest = inflator.unconsumed_tail
            if plain > _MAX_EXPANSION * len(data):
                raise FormatError("the stream gives too many bytes")
            if inflator.eof:
                end = min(start + _CHUNK, len(data)) - len(inflator.unused_data)
                return DeflateStream(offset, end - offset, plain)
    except zlib.error as error:
        raise FormatError(f"the stream is damaged: {error}") from error
    raise FormatError("the stream ends early")
