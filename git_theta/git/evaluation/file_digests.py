"""Digests of files in the work tree, each read when first asked for, and again when it was written to."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from threading import Lock

from blake3 import blake3

#: The stat by which a file that was written to is known: inode, size, and times in ns.
_Stat = tuple[int, int, int, int]


class FileDigests:
    """Digests of files below a folder. For several threads.

    Args:
        top: The folder.
    """

    def __init__(self, top: Path) -> None:
        self._top = os.path.realpath(top)
        self._known: dict[str, tuple[_Stat, str]] = {}
        self._lock = Lock()

    def digest(self, path: str) -> str:
        """A text that changes with a file's content.

        A digest; of a file that is elsewhere, or behind a link that leads there, its size and time: data sets
        may be too large to be read each time.

        Args:
            path: The path from the folder, or an absolute one.

        Raises:
            OSError: The file can't be read.
        """
        place = os.path.realpath(os.path.join(self._top, path))
        try:
            status = os.stat(place)
        except (FileNotFoundError, NotADirectoryError):
            # A link whose target isn't there, or a file that was just removed.
            return "absent"
        if not stat.S_ISREG(status.st_mode):
            return "no regular file"
        if not place.startswith(f"{self._top}/"):
            return f"{status.st_size} {status.st_mtime_ns}"
        now = (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        with self._lock:
            known = self._known.get(place)
        if known and known[0] == now:
            return known[1]
        digest = blake3(max_threads=blake3.AUTO).update_mmap(place).hexdigest()
        with self._lock:
            self._known[place] = now, digest
        return digest
