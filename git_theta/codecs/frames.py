"""Plane frames: one chunk of machine words as byte planes, each compressed or raw.

A plane has the same bytes of every word; planes follow each other from the highest byte. A plane's frame is a
`u32`, whose top bit means raw and whose other bits are a length, and that many bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from git_theta.codecs import zstd
from git_theta.errors import CorruptError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Words = NDArray[np.unsignedinteger[Any]]

#: Bytes of a chunk, in which values are encoded.
CHUNK = 1 << 20

_LENGTH = struct.Struct("<I")
_RAW = 1 << 31


class PlaneWriter:
    """Writes frames of chunks, through buffers that are reused: fresh memory costs page faults.

    Args:
        widths: Widths of the planes in bytes, from the top of the word.
        most: Number of words in the largest chunk.
        literals: Whether the planes are those of floats; see `zstd.compress`.
    """

    def __init__(self, widths: Sequence[int], most: int, *, literals: bool) -> None:
        import numpy as np

        self._widths = tuple(widths)
        self._planes = {width: np.empty(most, f"<u{width}") for width in widths}
        self._literals = literals

    def frames(self, chunk: Words) -> Iterator[bytes | memoryview]:
        """The frames of a chunk's planes; each piece is valid until the next is asked for."""
        import numpy as np

        high = chunk.dtype.itemsize
        for width in self._widths:
            high -= width
            plane = self._planes[width][: len(chunk)]
            # A shift that drops the upper bits is vectorised; a strided view of the part wouldn't be.
            np.right_shift(chunk, 8 * high, out=plane, casting="unsafe")
            data = plane.data.cast("B")
            coded = zstd.compress(data, literals=self._literals, magic=True)
            yield _LENGTH.pack(len(data) | _RAW if coded is None else len(coded))
            yield data if coded is None else coded


class PlaneReader:
    """Reads chunks from frames, one after another.

    Args:
        data: The frames of all chunks.
    """

    def __init__(self, data: memoryview) -> None:
        self._data = data
        self._position = 0

    def read(self, chunk: Words, widths: Sequence[int]) -> None:
        """Fill a chunk from the next frames.

        Args:
            chunk: Array of words to write to, flat.
            widths: Widths of the planes, as for the writer.

        Raises:
            CorruptError: The frames are damaged or end early.
        """
        import numpy as np

        for place, width in enumerate(widths):
            part = np.frombuffer(self._plane(len(chunk) * width), f"<u{width}")
            if place:
                np.left_shift(chunk, 8 * width, out=chunk)
                np.bitwise_or(chunk, part, out=chunk)
            else:
                np.copyto(chunk, part)

    def skip(self, count: int, widths: Sequence[int]) -> None:
        """Pass over the frames of a chunk.

        Args:
            count: Number of words in the chunk.
            widths: Widths of the planes, as for the writer.

        Raises:
            CorruptError: The frames end early.
        """
        for width in widths:
            self._frame(count * width)

    def end(self) -> None:
        """Check that every byte was read.

        Raises:
            CorruptError: Bytes are left.
        """
        if self._position != len(self._data):
            raise CorruptError(f"{len(self._data) - self._position} bytes follow the last chunk")

    def _plane(self, size: int) -> bytes | memoryview:
        piece, raw = self._frame(size)
        return piece if raw else zstd.decompress(piece, size, magic=True)

    def _frame(self, size: int) -> tuple[memoryview, bool]:
        """The next frame, and whether it's raw: it has `size` bytes then."""
        if self._position + _LENGTH.size > len(self._data):
            raise CorruptError("the payload ends early")
        (head,) = _LENGTH.unpack_from(self._data, self._position)
        length, raw = head & ~_RAW, bool(head & _RAW)
        start = self._position + _LENGTH.size
        piece = self._data[start : start + length]
        if len(piece) < length or (raw and length != size):
            raise CorruptError("the payload ends early")
        self._position = start + length
        return piece, raw
