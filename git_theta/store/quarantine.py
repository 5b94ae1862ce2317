"""Aside: objects that are about to be deleted or replaced, out of the store but not gone yet.

Whoever uses them meanwhile finds them missing, as if they were deleted; and if it turns out that they're
needed, or if the process ends, they go back. What a killed process leaves, whoever misses it puts back.
"""

from __future__ import annotations

import fcntl
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

from git_theta.errors import ThetaError
from git_theta.store.local import LocalStore, store_errors


class Quarantine:
    """Objects that were taken out of a store; made by `quarantine`.

    Args:
        store: The store.
        folder: Where they are meanwhile, on the same file system.
    """

    def __init__(self, store: LocalStore, folder: Path) -> None:
        self._store = store
        self._folder = folder

    def take(self, oid: str) -> bool:
        """Take an object out; whether it was there."""
        try:
            os.rename(self._store.path(oid), self._folder / oid)
        except FileNotFoundError:
            return False
        return True

    def written(self, oid: str) -> float:
        """When an object that was taken out was written or claimed, in seconds since 1970."""
        return (self._folder / oid).stat().st_mtime

    def give_back(self, oid: str) -> None:
        """Put an object back, unless the store has got it again since."""
        target = self._store.path(oid)
        if target.exists():
            self.drop(oid)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            os.rename(self._folder / oid, target)

    def drop(self, oid: str) -> None:
        """Delete an object that was taken out."""
        (self._folder / oid).unlink(missing_ok=True)

    def give_all_back(self) -> None:
        """Put back what is still here."""
        for name in os.listdir(self._folder):
            with suppress(ValueError):
                self.give_back(name)


@contextmanager
def quarantine(store: LocalStore) -> Iterator[Quarantine]:
    """Take objects out of a store; those that weren't dropped are there again when the context ends.

    A signal to end raises `SystemExit` meanwhile.

    Raises:
        ThetaError: The store can't be written, or another process does the same.
    """
    folder = store.aside
    with _unwinding(), store_errors(store.root):
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise ThetaError(
                    "another process is deleting or repairing objects here", "try again when it has finished"
                ) from error
            away = Quarantine(store, folder)
            away.give_all_back()
            try:
                yield away
            finally:
                away.give_all_back()
        finally:
            os.close(handle)


def restore_quarantined(store: LocalStore) -> None:
    """Put back what a killed process left, unless another one is at it now."""
    with suppress(OSError, ThetaError):
        if os.listdir(store.aside):
            with quarantine(store):
                pass


@contextmanager
def _unwinding() -> Iterator[None]:
    """Let signals to end raise, as Ctrl-C does, if they would end the process."""

    def end(number: int, _frame: object) -> NoReturn:
        raise SystemExit(128 + number)

    deadly = []
    # Only there may handlers be set.
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
