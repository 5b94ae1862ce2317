"""Quarantine: objects that are about to be deleted or replaced, out of the store but not gone yet.

Other processes find them missing, as if they were deleted. Those that turn out to be needed go back, and all
go back when the process ends. After a killed process, the next one that misses an object puts them back.
"""

from __future__ import annotations

import fcntl
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

from git_theta.errors import ThetaError
from git_theta.runtime.shared_folders import make_folders


class Quarantine:
    """Objects that were taken out of a store; made by `quarantine`.

    Args:
        folder: Folder for the objects, on the same file system as the store.
        path_of: Gives the path that an object has in the store.
    """

    def __init__(self, folder: Path, path_of: Callable[[str], Path]) -> None:
        self._folder = folder
        self._path_of = path_of

    def take(self, oid: str) -> bool:
        """Take an object out of the store; `False` if it wasn't there."""
        try:
            os.rename(self._path_of(oid), self._folder / oid)
        except FileNotFoundError:
            return False
        return True

    def written(self, oid: str) -> float:
        """Time at which an object here was written or last reused, in seconds since 1970."""
        return (self._folder / oid).stat().st_mtime

    def give_back(self, oid: str) -> None:
        """Put an object back, unless the store has got it again meanwhile."""
        target = self._path_of(oid)
        if target.exists():
            self.drop(oid)
        else:
            make_folders(target.parent)
            os.rename(self._folder / oid, target)

    def drop(self, oid: str) -> None:
        """Delete an object for good."""
        (self._folder / oid).unlink(missing_ok=True)

    def give_all_back(self) -> None:
        """Put every object back that is still here."""
        for name in os.listdir(self._folder):
            with suppress(ValueError):
                self.give_back(name)


@contextmanager
def quarantine(folder: Path, path_of: Callable[[str], Path]) -> Iterator[Quarantine]:
    """Open the quarantine of a store. Objects that weren't dropped go back when the context ends.

    Signals that would end the process raise `SystemExit` meanwhile.

    Args:
        folder: Folder for the objects; made if necessary.
        path_of: Gives the path that an object has in the store.

    Raises:
        ThetaError: Another process uses the quarantine.
        OSError: The store can't be written.
    """
    with _signals_raise():
        make_folders(folder)
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise ThetaError(
                    "another process is deleting or repairing objects here", "try again when it has finished"
                ) from error
            held = Quarantine(folder, path_of)
            held.give_all_back()
            try:
                yield held
            finally:
                held.give_all_back()
        finally:
            os.close(handle)


def restore_quarantined(folder: Path, path_of: Callable[[str], Path]) -> None:
    """Put back the objects that a killed process left, unless a running one uses the quarantine."""
    with suppress(OSError, ThetaError):
        if os.listdir(folder):
            with quarantine(folder, path_of):
                pass


@contextmanager
def _signals_raise() -> Iterator[None]:
    """Let signals that would end the process raise, as Ctrl-C does."""

    def end(number: int, _frame: object) -> NoReturn:
        raise SystemExit(128 + number)

    deadly = []
    # Handlers can only be set in the main thread.
    if threading.current_thread() is threading.main_thread():
        deadly = [
            each for each in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(each) is signal.SIG_DFL
        ]
    for each in deadly:
        signal.signal(each, end)
    try:
        yield
    finally:
        for each in deadly:
            signal.signal(each, signal.SIG_DFL)
