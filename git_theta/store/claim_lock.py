"""The claim lock: held by whoever names stored objects in a new manifest, until Git has the manifest."""

from __future__ import annotations

import fcntl
import os
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock

#: Seconds between two attempts.
_PAUSE = 0.05


class ClaimLock:
    """A lock that many processes share, or that one has alone. Any number of threads may use it.

    Args:
        path: The lock's file; made if its folder is there.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = Lock()
        self._close: weakref.finalize[..., ClaimLock] | None = None

    def share(self) -> None:
        """Hold the lock together with others, until `release` or the end of the process.

        Waits while another process has it alone. Where there can be no lock, nothing happens.
        """
        if self._close:
            return
        with self._lock, suppress(OSError):
            if not self._close:
                handle = self._opened()
                try:
                    fcntl.flock(handle, fcntl.LOCK_SH)
                except OSError:
                    os.close(handle)
                    raise
                self._close = weakref.finalize(self, os.close, handle)

    def release(self) -> None:
        """Don't hold the lock any more."""
        with self._lock:
            if self._close:
                self._close()
                self._close = None

    @contextmanager
    def alone(self, timeout: float) -> Iterator[bool]:
        """Hold the lock alone, and give whether nobody else holds it.

        Args:
            timeout: Seconds to wait for others.
        """
        handle = -1
        try:
            with suppress(OSError):
                handle = self._opened()
            yield handle >= 0 and _taken(handle, timeout)
        finally:
            if handle >= 0:
                os.close(handle)

    def _opened(self) -> int:
        handle = os.open(self._path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
        # Everybody to whom the folder is open shares the lock, whatever their umask.
        with suppress(OSError):
            os.fchmod(handle, 0o600 | self._path.parent.stat().st_mode & 0o066)
        return handle


def _taken(handle: int, timeout: float) -> bool:
    """Whether the lock could be had alone; `False` also where the file system has no locks."""
    end = time.monotonic() + timeout
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() >= end:
                return False
            time.sleep(_PAUSE)
        except OSError:
            return False
