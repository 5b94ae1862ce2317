"""The digest that is an object's name."""

from __future__ import annotations

import hashlib
from typing import BinaryIO

from git_theta.errors import CorruptError

#: Bytes hashed at once.
_PIECE = 1 << 20


def digest(file: BinaryIO) -> str:
    """SHA-256 of all of a file, in hexadecimal digits; the file is at its end then."""
    file.seek(0)
    hasher = hashlib.sha256()
    while piece := file.read(_PIECE):
        hasher.update(piece)
    return hasher.hexdigest()


def check(file: BinaryIO, oid: str) -> None:
    """Check an object before it's sent to a place that may not check it; the file is at its beginning then.

    Raises:
        CorruptError: Its bytes aren't those that its name says.
    """
    if digest(file) != oid:
        raise CorruptError(
            f"object {oid} is damaged here", "nothing was sent; repair it: git theta fsck --repair"
        )
    file.seek(0)
