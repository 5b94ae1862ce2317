"""SHA-256, the name of an object."""

from __future__ import annotations

import hashlib
import mmap
from typing import BinaryIO

from git_theta.errors import CorruptError


def map_file(file: BinaryIO) -> memoryview:
    """All bytes of an open file: mapped if possible, else read."""
    try:
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except (OSError, ValueError):
        # An empty file and a file-like object can't be mapped.
        file.seek(0)
        return memoryview(file.read())


def sha256_hex(data: memoryview) -> str:
    """SHA-256 in hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def checked_bytes(file: BinaryIO, oid: str) -> memoryview:
    """All bytes of an open file, checked before an upload to a place that doesn't check them.

    Args:
        file: The file.
        oid: Name of the object that the file should be.

    Raises:
        CorruptError: The SHA-256 of the bytes is another one.
    """
    data = map_file(file)
    if sha256_hex(data) != oid:
        raise CorruptError(
            f"object {oid} is damaged here", "nothing was sent; repair it: git theta fsck --repair"
        )
    return data
