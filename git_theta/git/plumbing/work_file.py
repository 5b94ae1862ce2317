"""Files of the work tree, and the stream that Git sends of them.

Git always sends every byte. Mostly these are the bytes of the file at the given path, which can be mapped and
read in any order by many threads, so the stream is only compared with the file. Where they differ (`git
hash-object --path`, `git apply`, a file that changes meanwhile), the stream counts.
"""

from __future__ import annotations

import mmap
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from git_theta.errors import ThetaError
from git_theta.git.plumbing.pipe_source import PipeSource
from git_theta.git.plumbing.pktline import PacketContent
from git_theta.store.cache import same_file

if TYPE_CHECKING:
    from git_theta.formats.neighbours import Neighbours

#: A stream that differs from the file is kept in memory up to this number of bytes.
_IN_MEMORY = 4 << 20


class FileChanged(ThetaError):
    """A file was written to while Git read it."""

    def __init__(self) -> None:
        super().__init__("the file was written to while Git read it", "try again when it's quiet")


@dataclass(frozen=True, slots=True)
class WorkFile:
    """A regular file in the work tree, mapped.

    Attributes:
        path: Its path.
        handle: An open descriptor.
        status: Its stat before anything was read.
        data: Its bytes.
    """

    path: str
    handle: int
    status: os.stat_result
    data: memoryview

    @property
    def neighbours(self) -> Neighbours:
        """The files beside it."""
        from git_theta.formats.neighbours import neighbours_of

        return neighbours_of(self.path)

    def unchanged(self) -> bool:
        """Whether the file has the stat that it had when it was opened."""
        return same_file(self.status, os.fstat(self.handle))

    def snapshot(self, temporary: Callable[[], int]) -> memoryview:
        """A copy of the bytes that the file has now, which stays as it is while the file is written to.

        Args:
            temporary: Makes an unlinked temporary file, and returns its descriptor.
        """
        handle = temporary()
        try:
            done = 0
            while piece := os.pread(self.handle, _IN_MEMORY, done):
                _write_all(handle, bytearray(piece))
                done += len(piece)
            return memoryview(mmap.mmap(handle, 0, access=mmap.ACCESS_READ) if done else b"")
        finally:
            os.close(handle)


@contextmanager
def work_file(path: str | None) -> Iterator[WorkFile | None]:
    """Map the file at a path; `None` if there's no regular, non-empty file."""
    handle = _open_regular(path)
    if handle is None or path is None:
        yield None
        return
    try:
        status = os.fstat(handle)
        # The map is closed with its last view; an explicit close would fail while a thread has one.
        mapped = mmap.mmap(handle, status.st_size, access=mmap.ACCESS_READ)
        yield WorkFile(path, handle, status, memoryview(mapped))
    finally:
        os.close(handle)


def _open_regular(path: str | None) -> int | None:
    if path is None:
        return None
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    status = os.fstat(handle)
    if stat.S_ISREG(status.st_mode) and status.st_size:
        return handle
    os.close(handle)
    return None


def drain(
    pieces: Iterable[memoryview], file: WorkFile | None, temporary: Callable[[], int]
) -> memoryview | None:
    """Read a stream to its end, and compare it with a file.

    Args:
        pieces: The stream.
        file: The file that the stream probably is.
        temporary: Makes an unlinked temporary file, and returns its descriptor.

    Returns:
        `None` if the stream was exactly the file; otherwise the bytes of the stream, in memory or mapped.

    Raises:
        FileChanged: The file changed while its stream was discarded.
    """
    if isinstance(pieces, PacketContent) and pieces.source:
        _discard(pieces, file, pieces.source)
        return None
    data = file.data if file else memoryview(b"")
    done = 0
    iterator = iter(pieces)
    for piece in iterator:
        end = done + len(piece)
        # A bytearray compares with any buffer by memcmp; two memoryviews would go byte by byte.
        if end > len(data) or bytearray(piece) != data[done:end]:
            return _keep(data[:done], piece, iterator, temporary)
        done = end
    if file and done == len(data):
        return None
    return _keep(data[:done], memoryview(b""), iterator, temporary)


def _discard(content: PacketContent, file: WorkFile | None, source: PipeSource) -> None:
    size = content.discard()
    if file is None or not source.is_file(file.status) or not size == len(file.data) == source.position():
        raise FileChanged


def _keep(
    prefix: memoryview, piece: memoryview, rest: Iterator[memoryview], temporary: Callable[[], int]
) -> memoryview:
    kept = bytearray()
    handle = -1
    try:
        for part in _parts(prefix, piece, rest):
            kept += part
            if len(kept) > _IN_MEMORY:
                if handle < 0:
                    handle = temporary()
                _write_all(handle, kept)
                kept.clear()
        if handle < 0:
            return memoryview(bytes(kept))
        _write_all(handle, kept)
        return memoryview(mmap.mmap(handle, 0, access=mmap.ACCESS_READ))
    finally:
        if handle >= 0:
            os.close(handle)


def _parts(prefix: memoryview, piece: memoryview, rest: Iterator[memoryview]) -> Iterator[memoryview]:
    for start in range(0, len(prefix), _IN_MEMORY):
        yield prefix[start : start + _IN_MEMORY]
    yield piece
    yield from rest


def _write_all(handle: int, data: bytearray) -> None:
    with memoryview(data) as view:
        done = 0
        while done < len(view):
            done += os.write(handle, view[done:])
