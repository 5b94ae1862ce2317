"""The value cache: decoded values that were just computed and will be needed in a moment.

A merge computes values, and Git then writes them to the work tree by another process, which would compute
them again. The cache is a folder of files beside the objects; nothing depends on it.
"""

from __future__ import annotations

import mmap
import os
import time
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from pathlib import Path
from threading import Lock, get_ident

from blake3 import blake3

from git_theta.model.digest import digest
from git_theta.runtime.shared_folders import make_folders
from git_theta.store.object_files import open_regular

#: The most bytes of disk that values take: more wouldn't stay in the page cache either.
_MAX_BYTES = 1 << 30

#: Values of fewer bytes are computed again as quickly as they are found.
_MIN_BYTES = 1 << 12

#: Values older than this were for a command that has ended.
_STALE_SECONDS = 600


class ValueCache:
    """Values by their digests. Safe to use from many threads.

    Args:
        folder: Folder of the files; made when first written to.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = Lock()
        self._used: int | None = None

    def write(self, pieces: Iterable[memoryview], nbytes: int) -> str:
        """Keep a value, unless it's small or there's no room, and return its BLAKE3-256 digest.

        Args:
            pieces: The bytes of the value, in pieces.
            nbytes: Size of the value in bytes.
        """
        hasher = blake3()
        if nbytes < _MIN_BYTES:
            for piece in pieces:
                hasher.update(piece)
            return hasher.hexdigest()
        # `runtime.atomic_write` needs the final name, which is the digest; and here, a full disk is no error.
        part = self._folder / f"{os.getpid()}-{get_ident()}.part"
        with ExitStack() as stack:
            file = None
            with suppress(OSError):
                make_folders(self._folder)
                if self._has_room(nbytes):
                    file = stack.enter_context(part.open("wb", buffering=0))
            for piece in pieces:
                hasher.update(piece)
                try:
                    if file:
                        file.write(piece)
                except OSError:
                    file = None
        key = hasher.hexdigest()
        with suppress(OSError):
            part.replace(self._folder / key) if file else part.unlink(missing_ok=True)
        return key

    def take(self, key: str, nbytes: int) -> memoryview | None:
        """Remove a value from the cache and return it; `None` if it isn't there, or is damaged."""
        if nbytes < _MIN_BYTES:
            return None
        path = self._folder / key
        try:
            with open(path, "rb", opener=open_regular) as file:
                if not nbytes or os.fstat(file.fileno()).st_size != nbytes:
                    return None
                data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
            path.unlink()
        except OSError:
            return None
        return data if digest(data) == key else None

    def _has_room(self, nbytes: int) -> bool:
        """Whether there's room for a value, whose size is counted then. Older values are counted once."""
        with self._lock:
            if self._used is None:
                self._used = self._clear()
            if self._used + nbytes > _MAX_BYTES:
                return False
            self._used += nbytes
            return True

    def _clear(self) -> int:
        """Remove values that were never taken; returns the bytes of the others."""
        total = 0
        if self._folder.is_symlink() or self._folder.parent.is_symlink():
            # Whoever shares the repository may have put a link to any folder here.
            raise NotADirectoryError(self._folder)
        for path in self._folder.iterdir():
            with suppress(OSError):
                status = path.stat()
                if status.st_mtime < time.time() - _STALE_SECONDS:
                    path.unlink()
                else:
                    total += status.st_size
        return total
