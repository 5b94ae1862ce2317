"""Frames: one chunk of machine words as byte planes, each compressed or raw.

A plane is the same bytes of every word, the highest first. A *plain* frame is a `u32`, whose top bit means
raw and whose other bits are the length, and that many bytes. A *packed* frame is for numbers that are mostly
small: its head is a number of 7 bits a byte (LEB128), made of the length, a bit for raw, and two bits that
say whether two or four numbers share a byte; a plane of zeros is a head of zero; the zstd frames have no
magic number.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from threading import local
from typing import TYPE_CHECKING, Any

from git_theta.errors import CorruptError

if TYPE_CHECKING:
    import numpy as np
    import zstandard
    from numpy.typing import NDArray

    Words = NDArray[np.unsignedinteger[Any]]

#: Values are coded in chunks of this many bytes.
CHUNK = 1 << 20

_LENGTH = struct.Struct("<I")
_RAW = 1 << 31

#: The lowest bits of a packed frame's head: 2 for pairs, 3 for quads; the next bit is for raw.
_PAIRS, _QUADS, _PACKED_RAW = 2, 3, 4

#: A plane is worth compressing if this many bytes from its middle shrink below this share.
_SAMPLE = 8192
_WORTH = 0.97

#: The bits of a zstd frame's descriptor, which follows the magic number, that say that its size is given.
_SIZED = 0xE0

#: A longer zstd window than this is never needed for a plane, and never accepted.
_MAX_WINDOW = 8 << 20


class Writer:
    """Frames of chunks, through buffers that are used again: fresh memory costs page faults.

    Args:
        widths: Widths of the planes in bytes, from the top of the word.
        most: Words in the largest chunk.
        literals: Whether the planes have skewed bytes that hardly repeat: those of floats. The compressor
            then finds few matches, and reaches the order-0 entropy fast.
        packed: Whether to write packed frames; all planes must then be bytes.
    """

    def __init__(self, widths: Sequence[int], most: int, *, literals: bool, packed: bool = False) -> None:
        import numpy as np

        self._widths = tuple(widths)
        self._planes = {width: np.empty(most, f"<u{width}") for width in widths}
        self._literals = literals
        self._packed = packed

    def frames(self, chunk: Words) -> Iterator[bytes | memoryview]:
        """The planes of a chunk; each piece is valid until the next is asked for."""
        import numpy as np

        high = chunk.dtype.itemsize
        for width in self._widths:
            high -= width
            plane = self._planes[width][: len(chunk)]
            # A shift that drops the upper bits is vectorised; a strided view of the part wouldn't be.
            np.right_shift(chunk, 8 * high, out=plane, casting="unsafe")
            if self._packed:
                yield from self._pack(plane)
            else:
                data = plane.data.cast("B")
                coded = self._compress(data)
                yield _LENGTH.pack(len(data) | _RAW if coded is None else len(coded))
                yield data if coded is None else coded

    def _pack(self, plane: Words) -> Iterator[bytes | memoryview]:
        plane, many = _packed(plane)
        if not len(plane):
            yield number(0)
            return
        data = plane.data.cast("B")
        coded = self._compress(data)
        yield number((len(data) << 3 | _PACKED_RAW if coded is None else len(coded) << 3) | many)
        yield data if coded is None else coded

    def _compress(self, data: memoryview) -> bytes | None:
        compressor = _compressor(self._literals, self._packed)
        if not _worth(compressor, data):
            return None
        coded = compressor.compress(data)
        return coded if len(coded) < len(data) else None


def number(value: int) -> bytes:
    """A number of 7 bits a byte, the lowest first; all but the last byte have their top bit set."""
    coded = bytearray()
    while value > 0x7F:
        coded.append(value & 0x7F | 0x80)
        value >>= 7
    coded.append(value)
    return bytes(coded)


class Reader:
    """Chunks from frames, one after another.

    Args:
        data: The frames.
        packed: Whether they're packed.
    """

    def __init__(self, data: memoryview, *, packed: bool = False) -> None:
        self._data = data
        self._packed = packed
        self._descriptor = 0 if packed else 4
        self._at = 0

    def read(self, chunk: Words, widths: Sequence[int] | None = None) -> None:
        """Fill a chunk with the next planes.

        Args:
            chunk: Where they go. For packed frames it must be zero already: planes of zeros aren't touched.
            widths: As they were written; `None` if each is a byte.

        Raises:
            CorruptError: They can't be read.
        """
        import numpy as np

        begun = False
        for width in widths or (1,) * chunk.dtype.itemsize:
            size = len(chunk) * width
            plane = self._packed_plane(size) if self._packed else self._plain_plane(size)
            if begun:
                np.left_shift(chunk, 8 * width, out=chunk)
            if plane is not None:
                part = np.frombuffer(plane, f"<u{width}")
                if begun:
                    np.bitwise_or(chunk, part, out=chunk)
                else:
                    np.copyto(chunk, part)
                begun = True

    def number(self) -> int:
        """The next number; see the function of that name.

        Raises:
            CorruptError: There's none.
        """
        value = 0
        for place in range(5):
            if self._at >= len(self._data):
                break
            byte = self._data[self._at]
            self._at += 1
            value |= (byte & 0x7F) << 7 * place
            if byte < 0x80:
                return value
        raise CorruptError("the payload ends early")

    def end(self) -> None:
        """Check that everything was read.

        Raises:
            CorruptError: There's more.
        """
        if self._at != len(self._data):
            raise CorruptError(f"{len(self._data) - self._at} bytes follow the last chunk")

    def _plain_plane(self, size: int) -> bytes | memoryview:
        if self._at + 4 > len(self._data):
            raise CorruptError("the payload ends early")
        (length,) = _LENGTH.unpack_from(self._data, self._at)
        self._at += 4
        return self._bytes(length & ~_RAW, size, bool(length & _RAW))

    def _packed_plane(self, size: int) -> bytes | memoryview | None:
        head = self.number()
        if not head:
            return None
        many = {0: 1, _PAIRS: 2, _QUADS: 4}.get(head & 3, 0)
        if not many:
            raise CorruptError("the payload has a plane of an unknown kind")
        plane = self._bytes(head >> 3, -(-size // many), bool(head & _PACKED_RAW))
        return plane if many == 1 else _unpacked(plane, size, many)

    def _bytes(self, length: int, size: int, raw: bool) -> bytes | memoryview:
        """The next bytes, and what they decompress to: `size` bytes."""
        piece = self._data[self._at : self._at + length]
        if len(piece) < length or (raw and length != size):
            raise CorruptError("the payload ends early")
        self._at += length
        if raw:
            return piece
        import zstandard

        descriptor = piece[: self._descriptor + 1]
        if len(descriptor) <= self._descriptor or descriptor[-1] & _SIZED:
            # The library would allocate whatever a frame claims to hold.
            raise CorruptError("the payload can't be decompressed: a frame claims a size of its own")
        try:
            plane = _decompressor(self._packed).decompress(piece, max_output_size=size)
        except (zstandard.ZstdError, MemoryError) as error:
            raise CorruptError(f"the payload can't be decompressed: {error}") from error
        if len(plane) != size:
            raise CorruptError("the payload decompresses to a wrong size")
        return plane


class _Own(local):
    """A thread's compressors and decompressors, which take longer to make than to code a small plane."""

    def __init__(self) -> None:
        self.compressors: dict[tuple[bool, bool], zstandard.ZstdCompressor] = {}
        self.decompressors: dict[bool, zstandard.ZstdDecompressor] = {}


_own = _Own()


def _compressor(literals: bool, packed: bool) -> zstandard.ZstdCompressor:
    kept = _own.compressors
    if (literals, packed) not in kept:
        import zstandard

        options: dict[str, int] = {"write_content_size": False, "format": _format(packed)}
        if literals:
            options |= {"strategy": zstandard.STRATEGY_FAST, "window_log": 17, "chain_log": 6, "hash_log": 6}
            options |= {"search_log": 1, "min_match": 7}
            parameters = zstandard.ZstdCompressionParameters(**options)
        else:
            parameters = zstandard.ZstdCompressionParameters.from_level(3, **options)
        kept[literals, packed] = zstandard.ZstdCompressor(compression_params=parameters)
    return kept[literals, packed]


def _decompressor(packed: bool) -> zstandard.ZstdDecompressor:
    kept = _own.decompressors
    if packed not in kept:
        import zstandard

        kept[packed] = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW, format=_format(packed))
    return kept[packed]


def _format(packed: bool) -> int:
    import zstandard

    return zstandard.FORMAT_ZSTD1_MAGICLESS if packed else zstandard.FORMAT_ZSTD1


def _worth(compressor: zstandard.ZstdCompressor, plane: memoryview) -> bool:
    if len(plane) <= 4 * _SAMPLE:
        return True
    middle = (len(plane) - _SAMPLE) // 2
    pieces = (plane[:_SAMPLE], plane[middle : middle + _SAMPLE], plane[-_SAMPLE:])
    return any(len(compressor.compress(piece)) < _WORTH * _SAMPLE for piece in pieces)


def _packed(plane: Words) -> tuple[Words, int]:
    """A plane of bytes with as many numbers to a byte as fit, and which; nothing for zeros."""
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
    if many == 2:
        spread = (wide | wide << 4) & 0x0F0F
    else:
        spread = (wide | wide << 6 | wide << 12 | wide << 18) & 0x03030303
    plain: memoryview = spread.data.cast("B")
    return plain[:size]
