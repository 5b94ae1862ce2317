"""Alternates: other folders of objects that Git reads, as `git clone --reference` lists them."""

from __future__ import annotations

import os
import re
from pathlib import Path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: An alternate may have alternates itself; Git follows them so far.
_MAX_DEPTH = 5

_VARIABLE = "GIT_ALTERNATE_OBJECT_DIRECTORIES"

#: Escapes of a quoted path: a letter or a character for itself, or three octal digits.
_ESCAPE = re.compile(rb"\\([0-7]{3}|.)", re.DOTALL)
_LETTERS = {b"a": b"\a", b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}


def alternates(objects: Path, environment: Mapping[str, str]) -> Iterator[Path]:
    """The folders of objects that Git reads besides a repository's own; those that don't exist are left out.

    Args:
        objects: The repository's own folder of objects.
        environment: Environment variables.
    """
    # Most repositories have none: that costs one look.
    listed = environment.get(_VARIABLE, "")
    found = [Path(os.fsdecode(_unquoted(os.fsencode(name)))) for name in listed.split(os.pathsep) if name]
    known = {objects}
    for depth in range(_MAX_DEPTH + 1):
        found = [*found, *_listed(objects)] if not depth else [each for one in found for each in _listed(one)]
        found = [folder for folder in dict.fromkeys(found) if folder not in known and folder.is_dir()]
        known.update(found)
        yield from found


def _listed(objects: Path) -> Iterator[Path]:
    """The alternates that a folder of objects names itself, a path in each line."""
    try:
        text = (objects / "info" / "alternates").read_bytes()
    except OSError:
        return
    for line in text.split(b"\n"):
        if line and not line.startswith(b"#"):
            # A relative path starts at the folder of objects.
            yield Path(os.path.normpath(objects / os.fsdecode(_unquoted(line))))


def _unquoted(name: bytes) -> bytes:
    """A path that may be in double quotes, with escapes as in C."""
    if not (name.startswith(b'"') and name.endswith(b'"') and len(name) > 1):
        return name

    def character(match: re.Match[bytes]) -> bytes:
        escaped = match[1]
        return bytes([int(escaped, 8) & 255]) if len(escaped) == 3 else _LETTERS.get(escaped, escaped)

    return _ESCAPE.sub(character, name[1:-1])
