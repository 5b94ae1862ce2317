"""A new file of any size in memory, all zeros until something is written."""

from __future__ import annotations

import mmap

from git_theta.formats.base import ComposeError

#: Only pages that are written count as memory, where the system can do so.
_FLAGS = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | getattr(mmap, "MAP_NORESERVE", 0)


def blank(size: int) -> memoryview:
    """A writable file that takes memory only for the pages that are written: those beside the tensors.

    It isn't on a disk, whose lack of room would be a signal in the middle of a write.

    Raises:
        ComposeError: There's no room for the map.
    """
    if not size:
        return memoryview(bytearray())
    try:
        return memoryview(mmap.mmap(-1, size, flags=_FLAGS))
    except (OSError, ValueError, OverflowError) as error:
        raise ComposeError(f"no room to write the merged file: {error}") from error
