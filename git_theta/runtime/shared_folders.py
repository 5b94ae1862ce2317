"""Folders in a place that a group of users shares, as `git init --shared` makes it."""

from __future__ import annotations

import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

_SHARED = stat.S_ISGID | stat.S_IWGRP


def make_folders(folder: Path) -> None:
    """Make a folder and those above it, unless they're there.

    In a folder whose group may write to it, and which gives its group to what is in it, a new folder gets the
    same permissions, whatever the umask.

    Raises:
        OSError: A folder can't be made.
    """
    if folder.is_dir():
        return
    make_folders(folder.parent)
    try:
        folder.mkdir()
    except FileExistsError:
        # Another process may just have made it.
        if not folder.is_dir():
            raise
        return
    share(folder)


def share(path: Path) -> None:
    """Give a new folder or file the permissions of the folder above it, if a group shares that.

    Raises:
        OSError: The path isn't there, or is another user's.
    """
    above = os.stat(path.parent).st_mode
    if above & _SHARED == _SHARED:
        path.chmod(stat.S_IMODE(above) if path.is_dir() else above & 0o666)
