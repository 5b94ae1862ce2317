"""The records of a zip archive: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT."""

from __future__ import annotations

import struct

#: Local header of a member, before its name and its extra fields.
LOCAL = struct.Struct("<4s5H3L2H")
LOCAL_MAGIC = b"PK\x03\x04"

#: CRC-32 and sizes after a member that was written without knowing them.
DESCRIPTOR = struct.Struct("<4s3L")
DESCRIPTOR_64 = struct.Struct("<4sL2Q")
DESCRIPTOR_MAGIC = b"PK\x07\x08"

#: Entry of a member in the central directory, before its name and its extra fields.
ENTRY = struct.Struct("<4s6H3L5H2L")
ENTRY_MAGIC = b"PK\x01\x02"

#: End of the central directory, for archives with 64-bit positions.
END_64 = struct.Struct("<4sQ2H2L4Q")
END_64_MAGIC = b"PK\x06\x06"

#: Position of that record.
LOCATOR_64 = struct.Struct("<4sLQL")
LOCATOR_64_MAGIC = b"PK\x06\x07"

#: End of the archive, before its comment.
END = struct.Struct("<4s4H2LH")
END_MAGIC = b"PK\x05\x06"

#: Flags of a member: a descriptor follows its bytes; its name is in UTF-8.
DESCRIBED, UTF_8 = 1 << 3, 1 << 11

#: The values of 16-bit and 32-bit fields whose numbers are in 64-bit fields.
WIDE_16, WIDE_32 = 0xFFFF, 0xFFFFFFFF


def wide_field(*numbers: int) -> bytes:
    """The extra field of a member's 64-bit sizes and position; empty without any."""
    return struct.pack(f"<2H{len(numbers)}Q", 1, 8 * len(numbers), *numbers) if numbers else b""


def wide_end(start: int, size: int, count: int, made_by: int, needed: int) -> bytes:
    """The 64-bit end record and its locator.

    Args:
        start: Position of the central directory.
        size: Bytes of the directory.
        count: Members of the archive.
        made_by: The version of the format that the writer has, with its system in the high byte.
        needed: The version of the format that a reader must have.
    """
    record = (END_64_MAGIC, END_64.size - 12, made_by, needed, 0, 0, count, count, size, start)
    return END_64.pack(*record) + LOCATOR_64.pack(LOCATOR_64_MAGIC, 0, start + size, 1)


def narrow_end(start: int, size: int, count: int) -> bytes:
    """The end record, in which large numbers are marked as wide; see `wide_end`."""
    few = min(count, WIDE_16)
    return END.pack(END_MAGIC, 0, 0, few, few, min(size, WIDE_32), min(start, WIDE_32), 0)
