"""Where an object is in a place that's laid out as the local store is."""

from __future__ import annotations

import re

_OID = re.compile(r"[0-9a-f]{64}")


def object_path(oid: str) -> str:
    """Path of an object, with slashes, from the folder that holds all of them.

    Raises:
        ValueError: The name isn't 64 hexadecimal digits, so it can't leave the folder.
    """
    if not _OID.fullmatch(oid):
        raise ValueError(f"{oid!r} isn't an object name")
    return f"objects/{oid[:2]}/{oid[2:4]}/{oid}"
