"""Partial downloads: a file per object, which one process at a time writes and a later one may resume."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from git_theta.runtime.shared_folders import make_folders, share

#: Seconds between attempts to lock a file that another process is writing.
_POLL_SECONDS = 0.1


@contextmanager
def locked_download(path: Path, wait: Callable[[float], object]) -> Iterator[BinaryIO]:
    """Open and lock a partial download, with the bytes that earlier attempts have written.

    The owner of the lock may rename or remove the file. An empty file is removed at the end.

    Args:
        path: Path of the file; made if necessary.
        wait: Called with seconds to wait while another process has the lock; it may raise to give up.

    Raises:
        OSError: The file can't be made.
    """
    make_folders(path.parent)
    while True:
        with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+b") as file:
            while not _lock(file):
                wait(_POLL_SECONDS)
            # The last owner may have moved the file into the store.
            if not _is_at(file, path):
                continue
            with suppress(PermissionError):
                # Another user of a shared repository may go on with it, or have begun it.
                share(path)
            try:
                yield file
            finally:
                with suppress(OSError):
                    file.flush()
                    if not os.fstat(file.fileno()).st_size and _is_at(file, path):
                        path.unlink()
            return


def _lock(file: BinaryIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_at(file: BinaryIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False
