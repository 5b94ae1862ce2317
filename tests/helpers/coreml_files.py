"""Core ML's files of weights as bytes."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from git_theta.formats.coreml import DTYPES

NUMBERS = {dtype: number for number, dtype in DTYPES.items()}


def weight_bin(weights: Sequence[tuple[str | int, bytes]], padding: int = 0) -> bytes:
    """A file of weights.

    Args:
        weights: Dtype, or the number of a type, and elements.
        padding: Bits after the last element, as the records say.
    """
    data = struct.pack("<II", len(weights), 2) + bytes(56)
    for dtype, elements in weights:
        number = NUMBERS[dtype] if isinstance(dtype, str) else dtype
        data += struct.pack("<IIQQQ", 0xDEADBEEF, number, len(elements), len(data) + 64, padding) + bytes(32)
        data += elements + bytes(-len(elements) % 64)
    return data
