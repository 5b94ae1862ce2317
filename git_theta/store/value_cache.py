"""Spare values: what was just computed and will be asked for in a moment, as it is.

A merge computes values, and the next thing that Git does is to write them to the work tree: by
another process, which would compute them again. They're in files beside the objects that nothing depends on.
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

#: Spare values take at most so many bytes of disk: more wouldn't stay in the page cache either.
_MOST = 1 << 30

#: Smaller values are as quick to compute again as to find.
_LEAST = 1 << 12

#: Values older than this were for a command that has ended.
_STALE_SECONDS = 600


class ValueCache:
    """Spare values, by their digests.

    Args:
        folder: Where they are; made when first written to.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._turn = Lock()
        self._used: int | None = None

    def write(self, pieces: Iterable[memoryview], nbytes: int) -> str:
        """Keep a value, unless it's small or there's no room, and return its digest.

        Args:
            pieces: The value's bytes.
            nbytes: Its size.
        """
        hasher = blake3()
        part = self._folder / f"{os.getpid()}-{get_ident()}.part"
        with ExitStack() as stack:
            file = None
            with suppress(OSError):
                self._folder.mkdir(parents=True, exist_ok=True)
                if nbytes >= _LEAST and self._has_room(nbytes):
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
        """A value, which is gone from here then; `None` if it isn't here, or is damaged."""
        path = self._folder / key
        try:
            with path.open("rb") as file:
                if not nbytes or os.fstat(file.fileno()).st_size != nbytes:
                    return None
                data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
            path.unlink()
        except OSError:
            return None
        return data if digest(data) == key else None

    def _has_room(self, nbytes: int) -> bool:
        """Whether a value may be kept; it's counted then. Others' values are counted once."""
        with self._turn:
            if self._used is None:
                self._used = self._clear()
            if self._used + nbytes > _MOST:
                return False
            self._used += nbytes
            return True

    def _clear(self) -> int:
        """Remove values that nobody came for; bytes of the others."""
        total = 0
        for path in self._folder.iterdir():
            with suppress(OSError):
                status = path.stat()
                if status.st_mtime < time.time() - _STALE_SECONDS:
                    path.unlink()
                else:
                    total += status.st_size
        return total
