"""Chunks: the bytes of a value, cut into pieces of one size, or to a part."""

from __future__ import annotations

from collections.abc import Iterator

from git_theta.errors import CorruptError


def rechunk(pieces: Iterator[memoryview], size: int, nbytes: int) -> Iterator[memoryview]:
    """Pieces of exactly `size` bytes, but for the last; each is valid until the next is asked for.

    What a single piece has of a chunk, if it's all of it, is passed on without a copy.

    Args:
        pieces: Consecutive pieces of any size.
        size: Bytes of a chunk.
        nbytes: Bytes of all pieces together.

    Raises:
        CorruptError: The pieces have another number of bytes.
    """
    buffer, filled, total = bytearray(), 0, 0
    for piece in pieces:
        before, total = total, total + len(piece)
        if total > nbytes:
            break
        start = 0
        while start < len(piece):
            count = min(size, nbytes - before - start)
            if not filled and start + count <= len(piece):
                yield piece if count == len(piece) else piece[start : start + count]
                start += count
                continue
            buffer = buffer or bytearray(min(size, nbytes))
            count = min(size - filled, len(piece) - start)
            buffer[filled : filled + count] = piece[start : start + count]
            filled, start = filled + count, start + count
            if filled == size:
                yield memoryview(buffer)
                filled = 0
    if total != nbytes:
        raise CorruptError(f"an input has another size than {nbytes} bytes")
    if filled:
        yield memoryview(buffer)[:filled]


def cut(pieces: Iterator[memoryview], start: int, end: int) -> Iterator[memoryview]:
    """The bytes from `start` to `end` of consecutive pieces, all of which are read."""
    position = 0
    for piece in pieces:
        part = piece[max(0, start - position) : max(0, end - position)]
        position += len(piece)
        if part:
            yield part
