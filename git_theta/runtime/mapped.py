"""Files mapped into memory, for reading."""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _typeshed import StrPath


def map_handle(handle: int) -> memoryview:
    """The bytes of an open file. The descriptor may be closed; the map is, with its last view."""
    size = os.fstat(handle).st_size
    return memoryview(mmap.mmap(handle, size, access=mmap.ACCESS_READ) if size else b"")


@contextmanager
def mapped_file(path: StrPath) -> Iterator[memoryview]:
    """The bytes of a file, until the block ends; views that were given away stay valid, and keep the map.

    Raises:
        OSError: The file can't be opened.
    """
    with open(path, "rb") as file:
        data = map_handle(file.fileno())
    mapping = data.obj
    try:
        yield data
    finally:
        with suppress(BufferError):
            data.release()
            if isinstance(mapping, mmap.mmap):
                mapping.close()
