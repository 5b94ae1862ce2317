"""The file with the state of a work tree's cascade, and the lock of whoever works on it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from git_theta.cascade.state import CascadeState
from git_theta.cascade.state_text import MAX_STATE, parse_state, state_text
from git_theta.errors import ThetaError, full_disk_hint
from git_theta.git.repository.repository import Repository
from git_theta.runtime.atomic_write import atomic_write
from git_theta.small_file import read_small_file


def state_path(repository: Repository) -> Path:
    """The file with the state of the work tree's cascade."""
    return repository.git_dir / "theta" / "cascade.json"


def load_state(repository: Repository) -> CascadeState | None:
    """The state of the work tree's cascade; `None` if there's none.

    Raises:
        ThetaError: The file can't be read.
    """
    path = state_path(repository)
    if not os.path.lexists(path):
        return None
    return parse_state(read_small_file(path, MAX_STATE), str(path))


def save_state(repository: Repository, state: CascadeState) -> None:
    """Write the state, so that it's there as a whole after a crash.

    Raises:
        ThetaError: It can't be written; the old one is as it was.
    """
    path = state_path(repository)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(path, state_text(state))
    except OSError as error:
        raise ThetaError(
            f"the state of the cascade can't be written: {error.strerror or error}: {path}",
            full_disk_hint(error),
        ) from error


def drop_state(repository: Repository) -> None:
    """Remove the state."""
    state_path(repository).unlink(missing_ok=True)


@contextmanager
def cascade_lock(repository: Repository) -> Iterator[None]:
    """Hold the lock of the work tree's cascade, which ends with the process.

    Nothing else in Git or git-theta waits for this lock.

    Raises:
        ThetaError: Another process has it.
    """
    path = repository.git_dir / "theta" / "cascade.lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
    except OSError as error:
        raise ThetaError(f"{path} can't be written: {error.strerror}", full_disk_hint(error)) from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ThetaError("a cascade is at work in this work tree", "wait until it ends") from None
        except OSError:  # the file system has no locks
            pass
        yield
    finally:
        os.close(handle)
