"""Chunks: the bytes of a value, cut anew."""

from __future__ import annotations

from collections.abc import Iterator

from git_theta.errors import CorruptError
from git_theta.updates.base import Pieces


def chunks(pieces: Pieces, size: int, nbytes: int) -> Iterator[memoryview]:
    """Pieces of exactly `size` bytes, but for the last; valid until the next is asked for.

    Pieces that have that size already are passed on without a copy.

    Args:
        pieces: The bytes.
        size: Of each chunk.
        nbytes: Of all of them.

    Raises:
        CorruptError: They're of another number.
    """
    buffer, have, total = bytearray(), 0, 0
    for piece in pieces:
        total += len(piece)
        if total > nbytes:
            break
        at = 0
        if not have and len(piece) == min(size, nbytes - (total - len(piece))):
            yield piece
            continue
        buffer = buffer or bytearray(min(size, nbytes))
        while at < len(piece):
            count = min(size - have, len(piece) - at)
            buffer[have : have + count] = piece[at : at + count]
            have, at = have + count, at + count
            if have == size:
                yield memoryview(buffer)
                have = 0
    if total != nbytes:
        raise CorruptError(f"an input has another size than {nbytes} bytes")
    if have:
        yield memoryview(buffer)[:have]
