"""The values of a GGUF file's metadata as texts."""

from __future__ import annotations

import struct
import zlib

from git_theta.formats.gguf.cursor import ARRAY, CODES, STRING
from git_theta.formats.gguf.header import MetadataValue

#: Bytes of the longest string, and elements of the longest array, that are shown as they are.
_LONGEST_TEXT = 4096
_LONGEST_ARRAY = 16


def metadata_text(data: memoryview, value: MetadataValue, big_endian: bool) -> str:
    """A value in words.

    Args:
        data: The file.
        value: The value's place.
        big_endian: Whether its numbers have their most significant byte first.
    """
    order, content = ">" if big_endian else "<", data[value.start : value.end]
    if value.kind in CODES:
        return repr(struct.unpack(order + CODES[value.kind], content)[0])
    if value.kind == STRING and len(content) - 8 <= _LONGEST_TEXT:
        return repr(bytes(content[8:]).decode("utf-8", "backslashreplace"))
    checksum = f"CRC {zlib.crc32(content):08x}"
    if value.kind != ARRAY:
        return f"text of {len(content) - 8:,} bytes, {checksum}"
    element, count = struct.unpack_from(order + "IQ", content)
    if element in CODES and count <= _LONGEST_ARRAY:
        return repr(list(struct.unpack(f"{order}{count}{CODES[element]}", content[12:])))
    return f"array of {count:,} elements, {checksum}"
