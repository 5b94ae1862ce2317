"""Names of objects, and their paths in the layout that stores, folders and buckets share."""

from __future__ import annotations

import re

_NAME = re.compile(r"[0-9a-f]{64}")


def is_object_name(text: str) -> bool:
    """Whether a text is a SHA-256: 64 hexadecimal digits in lower case."""
    return bool(_NAME.fullmatch(text))


def object_path(oid: str) -> str:
    """Path of an object below the top folder, with slashes.

    Raises:
        ValueError: The text isn't an object's name, and could lead out of the folder.
    """
    if not is_object_name(oid):
        raise ValueError(f"{oid!r} isn't an object name")
    return f"objects/{oid[:2]}/{oid[2:4]}/{oid}"
