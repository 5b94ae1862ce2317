"""How an object is named, and where it is in a place that's laid out as the local store is."""

from __future__ import annotations

import re

_NAME = re.compile(r"[0-9a-f]{64}")


def is_object_name(text: str) -> bool:
    """Whether a text is 64 hexadecimal digits in lower case, as SHA-256 has them."""
    return bool(_NAME.fullmatch(text))


def object_path(oid: str) -> str:
    """Path of an object, with slashes, from the folder that holds all of them.

    Raises:
        ValueError: It isn't an object's name, so that it can't leave the folder.
    """
    if not is_object_name(oid):
        raise ValueError(f"{oid!r} isn't an object name")
    return f"objects/{oid[:2]}/{oid[2:4]}/{oid}"
