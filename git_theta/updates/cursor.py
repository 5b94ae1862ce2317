"""Cursors: consecutive pieces of bytes, read from the beginning to the end in other pieces."""

from __future__ import annotations

from collections.abc import Iterator

from git_theta.errors import CorruptError
from git_theta.updates.base import Pieces


class Cursor:
    """A position in consecutive pieces of bytes.

    Args:
        pieces: The pieces; each is valid until the next is asked for.
    """

    def __init__(self, pieces: Iterator[memoryview]) -> None:
        self._pieces = pieces
        self._rest = memoryview(b"")

    def take(self, count: int) -> Pieces:
        """The next `count` bytes, in pieces.

        Raises:
            CorruptError: There are fewer.
        """
        while count:
            if not self._rest:
                self._rest = next(self._pieces, memoryview(b""))
                if not self._rest:
                    raise CorruptError("an input is shorter than it should be")
            piece, self._rest = self._rest[:count], self._rest[count:]
            count -= len(piece)
            yield piece

    def skip(self, count: int) -> None:
        """Pass over the next `count` bytes."""
        for _ in self.take(count):
            pass
