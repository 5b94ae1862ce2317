"""A new file of any size, all zeros until something is written."""

from __future__ import annotations

import mmap
import tempfile

from git_theta.formats.base import ComposeError


def blank(size: int) -> memoryview:
    """A writable file, mapped, that takes room on disk only for the pages that are written.

    Raises:
        ComposeError: There's no room for the map.
    """
    if not size:
        return memoryview(bytearray())
    try:
        with tempfile.TemporaryFile() as file:
            file.truncate(size)
            return memoryview(mmap.mmap(file.fileno(), size))
    except (OSError, ValueError, OverflowError) as error:
        raise ComposeError(f"no room to write the merged file: {error}") from error
