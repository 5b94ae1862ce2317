"""New bytes of a patched value, in batches, each with the base's bytes at the same place as a dictionary.

Text that changed in many places is found there again piece by piece, as `zstd --patch-from` does it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from git_theta.updates.patching.parts import PatchPart

#: Bytes that are compressed together: as many as that at most, and at least a quarter, if there are.
BATCH = 4 << 20
_ENOUGH = BATCH // 4

#: Bytes of a dictionary at most, and for each new byte: to read one takes time, too.
DICTIONARY = 8 << 20
_FOR_EACH = 128


@dataclass(frozen=True, slots=True)
class NewPiece:
    """New bytes between two parts of the base.

    Attributes:
        size: Their number.
        low: Offset in the base of the bytes that they probably replace.
        high: The offset after these.
    """

    size: int
    low: int
    high: int


def batches_of(parts: Sequence[PatchPart], base_nbytes: int) -> Iterator[list[NewPiece]]:
    """The new bytes of a value in batches, in order.

    Args:
        parts: The value's parts.
        base_nbytes: Bytes of the base.
    """
    batch: list[NewPiece] = []
    size = 0
    for piece in _pieces(parts, base_nbytes):
        if size + piece.size > BATCH:
            yield batch
            batch, size = [], 0
        batch.append(piece)
        size += piece.size
        if size >= _ENOUGH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def dictionary_of(batch: Sequence[NewPiece], base: memoryview) -> bytes:
    """The bytes of the base at the places of some new bytes.

    Args:
        batch: The new bytes.
        base: Bytes of the base.
    """
    total = sum(piece.size for piece in batch)
    most = min(DICTIONARY, max(_FOR_EACH * total, _FOR_EACH))
    found = []
    for piece in batch:
        room = max(1, most * piece.size // total)
        middle = (piece.low + piece.high) // 2
        low = max(0, min(middle - room // 2, len(base) - room))
        found.append(base[low : low + room])
    return b"".join(found)


def _pieces(parts: Sequence[PatchPart], base_nbytes: int) -> Iterator[NewPiece]:
    """All new bytes, in pieces of at most `BATCH` bytes."""
    before = 0
    for part in parts:
        after = part.start if part.length else base_nbytes
        span = max(0, after - before)
        for start in range(0, part.new, BATCH):
            size = min(BATCH, part.new - start)
            low = before + span * start // part.new
            yield NewPiece(size, low, before + span * (start + size) // part.new)
        if part.length:
            before = part.start + part.length
