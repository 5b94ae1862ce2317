"""TOML from files that somebody else may have written."""

from __future__ import annotations

import re
from typing import Any

#: A key of more parts than any real one: the standard library's reader takes time with their square.
_LONG_KEY = re.compile(rb"(?<![\w\-\"' \t.])(?:[\w\-\"' \t]++\.){64}")


def parse_toml_file(data: bytes) -> dict[str, Any]:
    """The table of a TOML file.

    Raises:
        ValueError: The bytes aren't TOML in UTF-8, or have a key of more than 64 parts, or too many levels.
    """
    import tomllib

    if _LONG_KEY.search(data):
        raise ValueError("a key has more than 64 parts")
    try:
        return tomllib.loads(data.decode("utf-8"))
    except RecursionError as error:
        raise ValueError("its tables have too many levels") from error
