"""Frames: one chunk of machine words as byte planes, each compressed or raw.

A plane is the same bytes of every word: the highest first. In a frame stand a `u32` and a number of
bytes, which are the lowest 29 bits of it. The top bit says that the bytes are raw and not a zstd frame, the
two bits below it that small numbers are packed two or four to a byte. A plane of zeros has no bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import zstandard

from git_theta.errors import CorruptError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Words = NDArray[np.unsignedinteger[Any]]

#: Values are coded in chunks of this many bytes.
CHUNK = 1 << 20

LENGTH = struct.Struct("<I")
_RAW = 1 << 31
_PAIRS = 1 << 29
_QUADS = 2 << 29
_SIZE = (1 << 29) - 1

#: A plane is worth compressing if this many bytes from its middle shrink below this share.
_SAMPLE = 8192
_WORTH = 0.97

#: A longer zstd window than this is never needed for a plane, and never accepted.
_MAX_WINDOW = 8 << 20


def literals_only(window_log: int) -> zstandard.ZstdCompressor:
    """A compressor that finds hardly any matches, and so reaches the order-0 entropy of skewed bytes fast.

    Args:
        window_log: Also bounds the blocks, each of which has its own statistics: 17 is the usual 128 KiB.
    """
    parameters = zstandard.ZstdCompressionParameters(
        strategy=zstandard.STRATEGY_FAST,
        window_log=window_log,
        chain_log=6,
        hash_log=6,
        search_log=1,
        min_match=7,
        write_content_size=False,
    )
    return zstandard.ZstdCompressor(compression_params=parameters)


def general() -> zstandard.ZstdCompressor:
    """A compressor for bytes that repeat: integers, text."""
    return zstandard.ZstdCompressor(level=3, write_content_size=False)


class Writer:
    """Frames of chunks, through buffers that are used again: fresh memory costs page faults.

    Args:
        widths: Widths of the planes in bytes, from the top of the word.
        most: Words in the largest chunk.
        compressor: For the planes that are worth it.
        pack: Pack small numbers: an entropy coder that spends at least a bit on each byte then gets closer to
            what skewed ones are worth. All planes must be bytes.
    """

    def __init__(
        self, widths: Sequence[int], most: int, compressor: zstandard.ZstdCompressor, *, pack: bool = False
    ) -> None:
        import numpy as np

        self._widths = tuple(widths)
        self._pack = pack
        self._planes = {width: np.empty(most, f"<u{width}") for width in widths}
        self._compressor = compressor

    def frames(self, chunk: Words) -> Iterator[bytes | memoryview]:
        """The planes of a chunk; each piece is valid until the next is asked for."""
        import numpy as np

        word = high = chunk.dtype.itemsize
        for width in self._widths:
            high -= width
            plane = self._planes[width][: len(chunk)]
            # A strided view is the fastest way to pick a part of each word, where the part is aligned.
            np.copyto(plane, chunk.view(plane.dtype)[high // width :: word // width])
            flag = 0
            if self._pack:
                plane, flag = _packed(plane)
            data = plane.data.cast("B")
            if not len(data):
                yield LENGTH.pack(0)
                continue
            packed = self._compressor.compress(data) if _worth(self._compressor, data) else b""
            if packed and len(packed) < len(data):
                yield LENGTH.pack(len(packed) | flag)
                yield packed
            else:
                yield LENGTH.pack(len(data) | flag | _RAW)
                yield data


class Reader:
    """Chunks from frames, one after another.

    Args:
        data: The frames.
    """

    def __init__(self, data: memoryview) -> None:
        self._data = data
        self._decompressor = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW)
        self._at = 0

    def read(self, chunk: Words, widths: Sequence[int] | None = None) -> int:
        """Fill a chunk with the next planes; returns how many of them were zeros.

        Args:
            chunk: Where they go. It must be zero already: planes of zeros aren't touched.
            widths: As they were written; `None` if each is a byte.

        Raises:
            CorruptError: They can't be read.
        """
        import numpy as np

        word = high = chunk.dtype.itemsize
        zeros = 0
        for width in widths or (1,) * word:
            high -= width
            plane = self._plane(len(chunk) * width)
            if plane is None:
                zeros += 1
            else:
                part = chunk.view(f"<u{width}")[high // width :: word // width]
                part[...] = np.frombuffer(plane, part.dtype)
        return zeros

    def number(self) -> int:
        """The next `u32`.

        Raises:
            CorruptError: There's none.
        """
        if self._at + 4 > len(self._data):
            raise CorruptError("the payload ends early")
        (number,) = LENGTH.unpack_from(self._data, self._at)
        self._at += 4
        return int(number)

    def end(self) -> None:
        """Check that everything was read.

        Raises:
            CorruptError: There's more.
        """
        if self._at != len(self._data):
            raise CorruptError(f"{len(self._data) - self._at} bytes follow the last chunk")

    def _plane(self, size: int) -> bytes | memoryview | None:
        """The bytes of a plane; `None` for zeros."""
        number = self.number()
        if not number:
            return None
        raw, pairs, quads, length = number & _RAW, number & _PAIRS, number & _QUADS, number & _SIZE
        piece = self._data[self._at : self._at + length]
        full, size = size, -(-size // (2 if pairs else 4 if quads else 1))
        if len(piece) < length or (raw and length != size) or (pairs and quads):
            raise CorruptError("the payload ends early")
        self._at += length
        if raw:
            plane: bytes | memoryview = piece
        else:
            try:
                plane = self._decompressor.decompress(piece, max_output_size=size)
            except zstandard.ZstdError as error:
                raise CorruptError(f"the payload can't be decompressed: {error}") from error
            if len(plane) != size:
                raise CorruptError("the payload decompresses to a wrong size")
        return _unpacked(plane, full, 2 if pairs else 4) if pairs or quads else plane


def _packed(plane: Words) -> tuple[Words, int]:
    """A plane of bytes with as many numbers to a byte as fit, and the flag for it; nothing for zeros."""
    import numpy as np

    largest = int(plane.max(initial=0))
    if not largest:
        return plane[:0], 0
    if largest >= 16:
        return plane, 0
    many = 4 if largest < 4 else 2
    if len(plane) % many:
        plane = np.append(plane, np.zeros(-len(plane) % many, plane.dtype))
    wide = plane.view(f"<u{many}")
    if many == 2:
        return (wide | wide >> 4).astype(np.uint8), _PAIRS
    return (wide | wide >> 6 | wide >> 12 | wide >> 18).astype(np.uint8), _QUADS


def _unpacked(plane: bytes | memoryview, size: int, many: int) -> memoryview:
    import numpy as np

    wide = np.frombuffer(plane, np.uint8).astype(f"<u{many}")
    spread = (
        (wide | wide << 4) & 0x0F0F
        if many == 2
        else (wide | wide << 6 | wide << 12 | wide << 18) & 0x03030303
    )
    plain: memoryview = spread.data.cast("B")
    return plain[:size]


def _worth(compressor: zstandard.ZstdCompressor, plane: memoryview) -> bool:
    if len(plane) <= 4 * _SAMPLE:
        return True
    middle = (len(plane) - _SAMPLE) // 2
    pieces = (plane[:_SAMPLE], plane[middle : middle + _SAMPLE], plane[-_SAMPLE:])
    return any(len(compressor.compress(piece)) < _WORTH * _SAMPLE for piece in pieces)
