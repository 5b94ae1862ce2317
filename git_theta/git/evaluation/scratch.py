"""Scratch folders for copies of models: removed after use, and by a later command if this one is killed."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from git_theta.git.repository.repository import Repository
from git_theta.runtime.early_end import forget_temporary, register_temporary
from git_theta.store.sweep import TESTS_PREFIX

#: Seconds after which a folder whose maker holds no lock is a killed command's: making it takes a moment.
_OLD = 60


@contextmanager
def scratch_folder(repository: Repository) -> Iterator[Path]:
    """A new folder, on the disk of the repository's objects if that can be written to.

    Folders that killed commands left are removed first.
    """
    place = repository.store.tmp
    try:
        place.mkdir(parents=True, exist_ok=True)
        _sweep(place)
        folder = Path(tempfile.mkdtemp(prefix=TESTS_PREFIX, dir=place))
    except OSError:
        place = Path(tempfile.gettempdir())
        _sweep(place)
        folder = Path(tempfile.mkdtemp(prefix=TESTS_PREFIX, dir=place))
    register_temporary(str(folder))
    handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield folder
    finally:
        remove(folder)
        forget_temporary(str(folder))
        os.close(handle)


def remove(folder: Path) -> None:
    """Remove a folder, also with what a program protected from that."""
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        for path, _, _ in os.walk(folder):
            with suppress(OSError):
                os.chmod(path, 0o700)
        shutil.rmtree(folder, ignore_errors=True)


def _sweep(place: Path) -> None:
    for folder in place.glob(f"{TESTS_PREFIX}*"):
        with suppress(OSError):
            status = folder.lstat()
            is_own = folder.is_dir() and not folder.is_symlink() and status.st_uid == os.getuid()
            if is_own and status.st_mtime < time.time() - _OLD and not _is_locked(folder):
                remove(folder)


def _is_locked(folder: Path) -> bool:
    handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(handle)
    return False
