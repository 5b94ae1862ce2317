"""Files mapped into memory."""

from __future__ import annotations

import errno
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


def allocate(handle: int, size: int) -> None:
    """Set the size of an empty file in bytes, and allocate its blocks.

    A full disk is an error here, and not a signal in a later write through a map. Also, ext4 flushes a file
    that is renamed over another one if its blocks aren't allocated.

    Raises:
        OSError: There's no room.
    """
    os.ftruncate(handle, size)
    if size and hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(handle, 0, size)
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
                raise
