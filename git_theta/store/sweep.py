"""Removal of temporary files that killed processes left."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

#: Temporary files older than this belong to no running process.
STALE_SECONDS = 24 * 3600

#: Factor on that age for partial downloads, which can be resumed, and for folders of long commands.
_LONGER = 14

#: Names of folders that belong to a command begin with one of these.
_COMMANDS = ("migrate-", "preview-")


def sweep(tmp: Path, downloads: Path, older_than: float = STALE_SECONDS) -> int:
    """Remove old temporary files, and return how many.

    Args:
        tmp: Folder with temporary files and folders of commands. Other folders in it are left alone.
        downloads: Folder with partial downloads.
        older_than: Age in seconds.
    """
    return _remove_old(tmp, older_than) + _remove_old(downloads, older_than * _LONGER)


def _remove_old(folder: Path, seconds: float) -> int:
    removed = 0
    if folder.is_dir():
        for path in folder.iterdir():
            with suppress(OSError):
                removed += _remove_folder(path, seconds) if path.is_dir() else _remove_file(path, seconds)
    return removed


def _remove_file(path: Path, seconds: float) -> bool:
    if path.lstat().st_mtime >= time.time() - seconds:
        return False
    path.unlink()
    return True


def _remove_folder(path: Path, seconds: float) -> bool:
    """Remove the folder in which a command had all of its files."""
    if not path.name.startswith(_COMMANDS):
        return False
    if max(each.lstat().st_mtime for each in (path, *path.rglob("*"))) >= time.time() - seconds * _LONGER:
        return False
    import shutil

    shutil.rmtree(path)
    return True
