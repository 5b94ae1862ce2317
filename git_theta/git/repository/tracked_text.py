"""Small tracked texts, written into the work tree: below `.theta`, through no link."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from git_theta.errors import UsageError
from git_theta.runtime.atomic_write import atomic_write


def tracked_place(top: Path, path: str) -> Path:
    """The place of a tracked text in the work tree; no folder on the way to it is a link.

    Args:
        top: The top of the work tree.
        path: The path from there, without `.` and `..`.

    Raises:
        UsageError: A folder is a link.
    """
    assert not {"", ".", ".."} & {*path.split("/")}  # noqa: S101
    for count in range(1, path.count("/") + 1):
        folder = "/".join(path.split("/")[:count])
        if os.path.islink(top / folder):
            raise UsageError(f"{folder} is a link, and records are written to folders only", "replace it")
    return top / path


def write_tracked_text(top: Path, path: str, text: bytes) -> None:
    """Write a tracked text into the work tree, atomically; an empty text removes the file.

    Args:
        top: The top of the work tree.
        path: The path from there, without `.` and `..`.
        text: The text.

    Raises:
        UsageError: A folder is a link, or the file can't be written.
    """
    place = tracked_place(top, path)
    try:
        if not text:
            with suppress(FileNotFoundError):
                place.unlink()
            return
        place.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(place, text)
    except OSError as error:
        raise UsageError(f"{path} can't be written: {error.strerror}") from error
