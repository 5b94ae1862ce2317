"""Whole values: all bytes of an input, to be read in any order; large ones are in a temporary file."""

from __future__ import annotations

from git_theta.errors import CorruptError
from git_theta.model.strided import scratch_memory, temporary_file
from git_theta.updates.base import Input

#: Larger inputs, in bytes, are held in a file.
IN_MEMORY = 8 << 20


def whole_value(read: Input, nbytes: int) -> memoryview:
    """All bytes of an input.

    Raises:
        CorruptError: It has another size.
    """
    held, start = scratch_memory(nbytes, temporary_file, IN_MEMORY), 0
    for piece in read(nbytes):
        if start + len(piece) > nbytes:
            break
        held[start : start + len(piece)] = piece
        start += len(piece)
    else:
        if start == nbytes:
            return held
    raise CorruptError(f"an input has another size than {nbytes} bytes")
