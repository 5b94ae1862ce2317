"""Readers of parameters' values for reports, without a repository."""

from __future__ import annotations

from collections.abc import Iterator

from git_theta.errors import MissingObjectError
from git_theta.model.manifest import Entry


class MemoryReader:
    """Reads one value from memory, in pieces of 1000 bytes."""

    def __init__(self, data: bytes) -> None:
        self._data = memoryview(data)

    def value(self, entry: Entry) -> Iterator[memoryview]:
        for start in range(0, len(self._data), 1000):
            yield self._data[start : start + 1000]

    def skeleton(self) -> memoryview:
        return memoryview(b"")


class MissingReader(MemoryReader):
    """Fails as a reader does whose object is not in the store."""

    def value(self, entry: Entry) -> Iterator[memoryview]:
        raise MissingObjectError("it isn't here", "fetch it")


def cut(data: bytes, *at: int) -> Iterator[memoryview]:
    """Pieces, each of which is overwritten when the next is asked for."""
    for low, high in zip((0, *at), (*at, len(data)), strict=True):
        piece = bytearray(data[low:high])
        yield memoryview(piece)
        piece[:] = b"\xff" * len(piece)
