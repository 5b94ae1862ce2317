"""The digest that is an object's name."""

from __future__ import annotations

import hashlib
import mmap
from typing import BinaryIO

from git_theta.errors import CorruptError


def map_file(file: BinaryIO) -> memoryview:
    """All of an open file, without a copy where that's possible."""
    try:
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except (OSError, ValueError):
        # It's empty, or no file of the system.
        file.seek(0)
        return memoryview(file.read())


def sha256_hex(data: memoryview) -> str:
    """SHA-256, in hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def check_sha256(data: memoryview, oid: str) -> None:
    """Check an object before it's sent to a place that may not check it.

    Raises:
        CorruptError: Its bytes aren't those that its name says.
    """
    if sha256_hex(data) != oid:
        raise CorruptError(
            f"object {oid} is damaged here", "nothing was sent; repair it: git theta fsck --repair"
        )
