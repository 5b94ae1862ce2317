"""A lock that is held while manifests in a work tree are replaced by their files."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from git_theta.git.repository.repository import Repository


@contextmanager
def writing_files(repository: Repository) -> Iterator[bool]:
    """Hold the lock of a work tree if it's free, and give whether no other process writes there now.

    Two that write the same files do no harm, but one of them works for nothing.
    """
    path = repository.git_dir / "theta" / "writing.lock"
    handle = -1
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        yield handle < 0 or _lock(handle)
    finally:
        if handle >= 0:
            os.close(handle)


def _lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # the file system has no locks
        pass
    return True
