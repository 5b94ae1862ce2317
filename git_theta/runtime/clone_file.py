"""Copies of files that share their blocks with the original, where the file system can do that."""

from __future__ import annotations

import fcntl
import os

#: Linux's request to let a file share all blocks of another one (FICLONE).
_CLONE = 0x40049409

_PIECE = 64 << 20


def clone_handle(source: int, target: int) -> bool:
    """Let an empty file share all blocks of another one; whether the file system could do that."""
    try:
        fcntl.ioctl(target, _CLONE, source)
    except OSError:
        return False
    return True


def copy_handle(source: int, target: int) -> None:
    """Give an empty file the bytes of another one, within the kernel if that can do it.

    Raises:
        OSError: The file can't be read or written.
    """
    if clone_handle(source, target):
        return
    done, size = 0, os.fstat(source).st_size
    while done < size:
        try:
            count = os.copy_file_range(source, target, min(_PIECE, size - done), done, done)
        except (OSError, AttributeError):
            # File systems on both sides of a mount, and systems that aren't Linux.
            count = os.pwrite(target, os.pread(source, 1 << 20, done), done)
        if not count:
            return
        done += count
