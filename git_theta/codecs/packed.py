"""Packed frames: words that are mostly small numbers, as planes of single bytes.

A chunk may be cut into segments; the planes of a segment follow each other from the highest byte. A plane's
frame begins with a varint (LEB128) of the length, a bit for raw, and two bits for whether two or four values
share a byte. A plane of zeros is the varint 0. The zstd frames have no magic number.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from git_theta.codecs import zstd
from git_theta.errors import CorruptError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from git_theta.codecs.frames import Words

    Planes = NDArray[np.uint8]

#: The two lowest bits of a frame's varint: 2 for two values in a byte, 3 for four. The next bit means raw.
_PAIRS, _QUADS, _RAW = 2, 3, 4


class PackedWriter:
    """Writes packed frames of chunks, through a buffer that is reused: fresh memory costs page faults.

    Args:
        width: Bytes of a word.
        most: Number of words in the largest chunk.
        literals: Whether the words come from floats; see `zstd.compress`.
        segment: Number of words in a segment; `None` for one segment a chunk.
    """

    def __init__(self, width: int, most: int, *, literals: bool, segment: int | None = None) -> None:
        import numpy as np

        self._planes = np.empty((width, most), np.uint8)
        self._literals = literals
        self._segment = segment

    def frames(self, chunk: Words) -> Iterator[bytes]:
        """The frames of a chunk's planes, segment by segment.

        Each call of numpy releases the interpreter's lock and then waits for it. So planes are made of the
        whole chunk, and only frames segment by segment.
        """
        import numpy as np

        count, width = len(chunk), chunk.dtype.itemsize
        zeros = width - (int(chunk.max(initial=0)).bit_length() + 7) // 8
        planes = self._planes[zeros:, :count]
        for place, plane in enumerate(planes):
            # A shift that drops the upper bits is vectorised; a strided view of the part wouldn't be.
            np.right_shift(chunk, 8 * (width - zeros - 1 - place), out=plane, casting="unsafe")
        for start, stop in _segments(count, self._segment):
            part = planes[:, start:stop]
            pieces: list[bytes | memoryview] = [varint(0)] * zeros
            for plane, largest in zip(part, part.max(axis=1, initial=0).tolist(), strict=True):
                pieces += self._frame(plane, largest)
            yield b"".join(pieces)

    def _frame(self, plane: Planes, largest: int) -> list[bytes | memoryview]:
        if not largest:
            return [varint(0)]
        plane, many = _packed(plane, largest)
        data = plane.data.cast("B")
        coded = zstd.compress(data, literals=self._literals, magic=False)
        if coded is None:
            return [varint(len(data) << 3 | _RAW | many), data]
        return [varint(len(coded) << 3 | many), coded]


class PackedReader:
    """Reads chunks and varints, one after another.

    Args:
        data: The bytes of all of them.
        segment: Number of words in a segment, as for the writer.
    """

    def __init__(self, data: memoryview, *, segment: int | None = None) -> None:
        import numpy as np

        self._data = data
        self._segment = segment
        self._position = 0
        self._buffer = np.empty(0, np.uint8)

    def read(self, chunk: Words) -> None:
        """Fill a flat array of words from the next frames.

        Raises:
            CorruptError: The frames are damaged or end early.
        """
        import numpy as np

        count, width = len(chunk), chunk.dtype.itemsize
        if self._segment is None:
            self.read_whole(chunk)
            return
        if len(self._buffer) < count * width:
            self._buffer = np.empty(count * width, np.uint8)
        planes = self._buffer[: count * width].reshape(width, count)
        rows = [plane.data for plane in planes]
        zeros = []
        filled = set()
        for start, stop in _segments(count, self._segment):
            for place, row in enumerate(rows):
                plane = self._plane(stop - start)
                if plane is None:
                    zeros.append((place, start, stop))
                else:
                    row[start:stop] = plane
                    filled.add(place)
        for place, start, stop in zeros:
            if place in filled:
                planes[place, start:stop] = 0
        lowest = min(filled, default=width)
        np.copyto(chunk, planes[lowest] if filled else 0)
        for place in range(lowest + 1, width):
            np.left_shift(chunk, 8, out=chunk)
            if place in filled:
                np.bitwise_or(chunk, planes[place], out=chunk)

    def read_whole(self, chunk: Words) -> None:
        """Fill an array that is a single segment, plane by plane: it may be much larger than a chunk.

        Raises:
            CorruptError: The frames are damaged or end early.
        """
        import numpy as np

        chunk.fill(0)
        filled = False
        for _ in range(chunk.dtype.itemsize):
            plane = self._plane(len(chunk))
            if filled:
                np.left_shift(chunk, 8, out=chunk)
            if plane is not None:
                np.bitwise_or(chunk, np.frombuffer(plane, np.uint8), out=chunk)
                filled = True

    def skip(self, count: int, width: int) -> None:
        """Pass over the frames of a chunk.

        Args:
            count: Number of words in the chunk.
            width: Bytes of a word.

        Raises:
            CorruptError: The frames end early.
        """
        for _ in _segments(count, self._segment):
            self.skip_whole(width)

    def skip_whole(self, width: int) -> None:
        """Pass over the frames of a single segment.

        Raises:
            CorruptError: The frames end early.
        """
        for _ in range(width):
            length = self.varint() >> 3
            self._position += length
        if self._position > len(self._data):
            raise CorruptError("the payload ends early")

    def varint(self) -> int:
        """The next varint, of at most five bytes.

        Raises:
            CorruptError: The data end first, or the varint is longer.
        """
        value = 0
        for place in range(5):
            if self._position >= len(self._data):
                break
            byte = self._data[self._position]
            self._position += 1
            value |= (byte & 0x7F) << 7 * place
            if byte < 0x80:
                return value
        raise CorruptError("the payload ends early")

    def record(self) -> memoryview:
        """The next bytes, whose number precedes them as a varint.

        Raises:
            CorruptError: The data end first.
        """
        length = self.varint()
        piece = self._data[self._position : self._position + length]
        if len(piece) < length:
            raise CorruptError("the payload ends early")
        self._position += length
        return piece

    def end(self) -> None:
        """Check that every byte was read.

        Raises:
            CorruptError: Bytes are left.
        """
        if self._position != len(self._data):
            raise CorruptError(f"{len(self._data) - self._position} bytes follow the last chunk")

    def _plane(self, size: int) -> bytes | memoryview | None:
        """The next plane of `size` values, one byte each; `None` for zeros."""
        head = self.varint()
        if not head:
            return None
        many = {0: 1, _PAIRS: 2, _QUADS: 4}.get(head & 3, 0)
        if not many:
            raise CorruptError("the payload has a plane of an unknown kind")
        length, raw, packed = head >> 3, bool(head & _RAW), -(-size // many)
        piece = self._data[self._position : self._position + length]
        if len(piece) < length or (raw and length != packed):
            raise CorruptError("the payload ends early")
        self._position += length
        plane = piece if raw else zstd.decompress(piece, packed, magic=False)
        return plane if many == 1 else _unpacked(plane, size, many)


def varint(value: int) -> bytes:
    """LEB128: 7 bits a byte, the lowest first; all bytes but the last have their top bit set."""
    coded = bytearray()
    while value > 0x7F:
        coded.append(value & 0x7F | 0x80)
        value >>= 7
    coded.append(value)
    return bytes(coded)


def _segments(count: int, size: int | None) -> Iterator[tuple[int, int]]:
    """First and one-past-last word of each segment; without a size, of a single one, which may be empty."""
    if size is None:
        yield 0, count
    else:
        for start in range(0, count, size):
            yield start, min(count, start + size)


def _packed(plane: Planes, largest: int) -> tuple[Planes, int]:
    """A plane with as many values in a byte as fit, and the frame's bits for their number."""
    import numpy as np

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
    """A plane of `size` values, one byte each, from one with `many` values in a byte."""
    import numpy as np

    wide = np.frombuffer(plane, np.uint8).astype(f"<u{many}")
    if many == 2:
        spread = (wide | wide << 4) & 0x0F0F
    else:
        spread = (wide | wide << 6 | wide << 12 | wide << 18) & 0x03030303
    plain: memoryview = spread.data.cast("B")
    return plain[:size]
