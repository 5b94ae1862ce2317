"""The records of a zip archive as structs: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT."""

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
