"""A download that isn't complete yet: one file per object, that only one process writes at a time."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

#: Seconds between looks at a file that another process is writing.
_LOOK_SECONDS = 0.1


@contextmanager
def locked_download(path: Path, wait: Callable[[float], object]) -> Iterator[BinaryIO]:
    """Yield the file at `path`, locked, with what earlier attempts have written; made if it isn't there.

    Whoever locks it may rename or remove it. It's removed at the end if it's empty.

    Args:
        path: The file.
        wait: Called with seconds to wait while another holds the lock; it may raise to give up.

    Raises:
        OSError: The file can't be made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+b") as file:
            while not _lock(file):
                wait(_LOOK_SECONDS)
            # Its last owner may have moved it into the store.
            if not _is_at(file, path):
                continue
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
