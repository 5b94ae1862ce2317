"""Whether this Python's zlib is zlib itself, whose streams others have in their files."""

from __future__ import annotations

import zlib
from functools import cache

from blake3 import blake3

#: CRC-32 of the streams of a sample, by level.
_KNOWN = {
    1: 0x94748967,
    2: 0xFE516C41,
    3: 0xD122B3B4,
    4: 0xD2C8BD4C,
    5: 0x614E9FC2,
    6: 0xDE83C383,
    7: 0x1A9EE941,
    8: 0x00D30793,
    9: 0x00D30793,
}

#: Bytes of the sample: more than zlib's window.
_SAMPLE = 1 << 17


def raw_compressor(level: int) -> zlib._Compress:
    """A compressor of Python's zlib that writes raw deflate streams."""
    return zlib.compressobj(level, zlib.DEFLATED, -15)


@cache
def is_zlib(level: int) -> bool:
    """Whether Python's zlib gives the streams of zlib itself; others may differ in some levels only.

    Args:
        level: From 1 to 9.
    """
    compressor = raw_compressor(level)
    stream = compressor.compress(sample()) + compressor.flush()
    return zlib.crc32(stream) == _KNOWN[level]


def sample() -> bytes:
    """Bytes that repeat often, at all distances, then some that don't, and skewed ones."""
    noise = blake3(b"deflate").digest(_SAMPLE)
    words = [noise[7 * index : 7 * index + 2 + index % 9] for index in range(256)]
    text = b"".join(words[byte & noise[index - 1]] for index, byte in enumerate(noise[: _SAMPLE // 4]))
    return text + noise[: _SAMPLE // 8] + bytes(byte & 15 if byte & 3 else byte for byte in noise)
