"""Removal of temporary files that killed processes left.

The folder may be another user's, as a remote is, or be shared with others, who can put a link to any folder
in its place. So only names that git-theta makes are removed, and through no link.
"""

from __future__ import annotations

import re
import time
from contextlib import suppress
from pathlib import Path

#: Temporary files older than this belong to no running process.
STALE_SECONDS = 24 * 3600

#: Factor on that age for partial downloads, which can be resumed, and for folders of long commands.
_LONGER = 14

#: Names of temporary files: those of `tempfile` and `AtomicFile`, of partial downloads, and of objects that
#: are written to a folder or by SSH.
_NAME = re.compile(
    r"tmp[a-z0-9_]{8}|\.git-theta-[0-9a-f]{16}|[0-9a-f]{64}(\.[0-9a-f]{16})?|ssh\.[0-9a-f]{16}"
)

#: Names of folders with copies of the models that a command is making anew begin with this.
COPIES_PREFIX = "run-"

#: Names of folders with copies of the models that are tested begin with this.
TESTS_PREFIX = "git-theta-test-"

#: Names of folders that belong to a command begin with one of these.
_COMMANDS = ("migrate-", "preview-", COPIES_PREFIX, TESTS_PREFIX)


def sweep(tmp: Path, downloads: Path, older_than: float = STALE_SECONDS) -> int:
    """Remove old temporary files, and return how many.

    Args:
        tmp: Folder with temporary files and folders of commands. Other folders in it are left alone.
        downloads: Folder with partial downloads.
        older_than: Age in seconds.
    """
    if tmp.is_symlink():
        return 0
    return _remove_old(tmp, older_than) + _remove_old(downloads, older_than * _LONGER)


def _remove_old(folder: Path, seconds: float) -> int:
    removed = 0
    if folder.is_dir() and not folder.is_symlink():
        for path in folder.iterdir():
            with suppress(OSError):
                removed += _remove_folder(path, seconds) if path.is_dir() else _remove_file(path, seconds)
    return removed


def _remove_file(path: Path, seconds: float) -> bool:
    if not _NAME.fullmatch(path.name) or path.lstat().st_mtime >= time.time() - seconds:
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
