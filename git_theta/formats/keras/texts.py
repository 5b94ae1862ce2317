"""The texts of JSON in a Keras archive."""

from __future__ import annotations

from collections.abc import Iterator

from git_theta.formats.json_leaves import json_leaves
from git_theta.formats.keras.archive import CONFIG, METADATA, KerasArchive
from git_theta.formats.zip_reader import read_member

#: Bytes of a text.
_MAX_TEXT = 1 << 24


def json_values(data: memoryview, archive: KerasArchive) -> Iterator[tuple[str, str]]:
    """Each value as JSON, by the name of its member and its path of keys.

    Raises:
        FormatError: A text isn't JSON, or is too long.
    """
    for name in (METADATA, CONFIG):
        if name in archive.members:
            found = json_leaves(read_member(data, archive.members[name], _MAX_TEXT))
            yield from ((f"{name}/{path}" if path else name, value) for path, value in found.items())
