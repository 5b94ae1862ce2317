"""Limits: the work and the memory that values may take, in proportion to what is stored of them.

Anyone can write a manifest and payloads of a few bytes whose values take years. Honest values are decoded
from many bytes each.
"""

from __future__ import annotations

from dataclasses import dataclass

#: Work that each stored byte pays for. One rank of a large matrix is some thousand times its factors' bytes.
WORK_PER_STORED_BYTE = 8192


@dataclass(frozen=True, slots=True)
class Limits:
    """The work and the memory that a file's values may take.

    Attributes:
        work: Bytes that may be decoded, or elements computed, beyond `WORK_PER_STORED_BYTE` for each byte of
            the objects that are read (`theta.maxWork`). A unit of work takes about a nanosecond.
        memory: Bytes of memory that decoding a single value may take (`theta.maxMemory`).
    """

    work: int = 4 << 30
    memory: int = 512 << 20


#: The limits without any settings.
DEFAULT_LIMITS = Limits()
