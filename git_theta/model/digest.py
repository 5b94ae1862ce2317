"""BLAKE3-256: the identity of a value."""

from __future__ import annotations

from collections.abc import Iterable

from blake3 import blake3


def digest(data: bytes | memoryview) -> str:
    """BLAKE3-256 of contiguous bytes, 64 hexadecimal digits. Releases the GIL."""
    return blake3(data).hexdigest()


def digest_stream(pieces: Iterable[bytes | memoryview]) -> str:
    """BLAKE3-256 of pieces in order."""
    hasher = blake3()
    for piece in pieces:
        hasher.update(piece)
    return hasher.hexdigest()
