"""Verified objects: their bytes were compared with their names, and their files haven't changed since."""

from __future__ import annotations

import os
from threading import Lock

#: Inode, size in bytes, and times of the last change of content and of status, in nanoseconds.
_Stamp = tuple[int, int, int, int]


class VerifiedObjects:
    """The files of verified objects, by object. Safe to use from many threads.

    A pack has the payloads of thousands of parameters, and each may ask for the pack to be verified.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._stamps: dict[str, _Stamp] = {}

    def has(self, oid: str, status: os.stat_result) -> bool:
        """Whether an object was verified in a file of that status."""
        with self._lock:
            return self._stamps.get(oid) == _stamp(status)

    def add(self, oid: str, status: os.stat_result) -> None:
        """Note that an object was verified in a file that had that status before it was read."""
        with self._lock:
            self._stamps[oid] = _stamp(status)


def _stamp(status: os.stat_result) -> _Stamp:
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
