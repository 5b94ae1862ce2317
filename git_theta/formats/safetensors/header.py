"""The JSON header of a safetensors file."""

from __future__ import annotations

import json
from typing import Any

from git_theta.errors import FormatError

#: Bytes of a header: the limit that the format's own library sets.
MAX_HEADER = 100_000_000

#: Punctuation of a header, which has as many objects in memory: a tensor has about 13.
_MAX_PUNCTUATION = 5_000_000

#: The header's key of everything that isn't a tensor.
METADATA = "__metadata__"


def header_end(data: memoryview) -> int:
    """Position of the first byte after the header, from which on offsets of tensors count."""
    return 8 + int.from_bytes(data[:8], "little")


def read_header(data: memoryview) -> dict[str, Any]:
    """The JSON object at the start of a file.

    Raises:
        FormatError: The header isn't a JSON object, has a key twice, or is too long.
    """
    end = header_end(data)
    if end > min(8 + MAX_HEADER, len(data)):
        raise FormatError(
            f"a safetensors header of {end - 8} bytes is longer than the file, or than any real one"
        )
    text = bytes(data[8:end])
    if sum(map(text.count, (b"{", b"[", b",", b":"))) > _MAX_PUNCTUATION:
        raise FormatError("the safetensors header has more items than any real one")
    try:
        header = json.loads(text.decode("utf-8"), object_pairs_hook=_without_repetition)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"the safetensors header isn't valid JSON: {error}") from error
    if not isinstance(header, dict):
        raise FormatError("the safetensors header isn't a JSON object")
    return header


def read_metadata(header: dict[str, Any]) -> dict[str, Any] | None:
    """The metadata in a header, `None` if there's none; values are strings in valid files.

    Raises:
        FormatError: The metadata isn't a JSON object.
    """
    found = header.get(METADATA)
    if found is not None and not isinstance(found, dict):
        raise FormatError(f"{METADATA} isn't a JSON object")
    return found


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key is repeated")
    return found
