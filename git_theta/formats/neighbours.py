"""The files beside a file, which may say what is in it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from git_theta.errors import UsageError
from git_theta.small_file import read_small_file

#: Files of a folder that are listed, and bytes of one that is read.
MAX_NAMES = 10_000
MAX_BYTES = 1 << 28


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The files in the folder of a file.

    Attributes:
        name: The file's own name, without its folder.
        names: Gives the names of the files in the folder, in order; there may be others.
        read: Gives the bytes of the file of a name; `None` if there's none that can be read.
    """

    name: str
    names: Callable[[], Sequence[str]]
    read: Callable[[str], bytes | None]


def neighbours_of(path: str) -> Neighbours:
    """The files beside the one at a path of the system."""
    folder, name = os.path.split(os.path.abspath(path))
    return Neighbours(name, partial(_names, folder), partial(_read, folder))


def _names(folder: str) -> list[str]:
    found: list[str] = []
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if len(found) == MAX_NAMES:
                break
            if entry.is_file(follow_symlinks=False):
                found.append(entry.name)
    return sorted(found)


def _read(folder: str, name: str) -> bytes | None:
    path = os.path.join(folder, name)
    if os.path.basename(name) != name or os.path.islink(path):
        return None
    with suppress(UsageError, ValueError):
        return read_small_file(path, MAX_BYTES)
    return None
