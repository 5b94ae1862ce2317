"""BLAKE3-256: the identity of a value."""

from __future__ import annotations

from blake3 import blake3


def digest(data: bytes | memoryview) -> str:
    """BLAKE3-256 of contiguous bytes, 64 hexadecimal digits. Releases the GIL."""
    return blake3(data).hexdigest()
