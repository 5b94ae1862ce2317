"""Frames: one chunk of machine words as byte planes, each compressed or raw.

A plane is the same bytes of every word, the highest first. Its frame is a `u32`, whose top bit means raw and
whose other bits are the length, and that many bytes.
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

#: Values are coded in chunks of this many bytes.
CHUNK = 1 << 20

_LENGTH = struct.Struct("<I")
_RAW = 1 << 31


class PlaneWriter:
    """Frames of chunks, through buffers that are used again: fresh memory costs page faults.

    Args:
        widths: Widths of the planes in bytes, from the top of the word.
        most: Words in the largest chunk.
        literals: Whether the planes are those of floats; see `zstd.compress`.
    """

    def __init__(self, widths: Sequence[int], most: int, *, literals: bool) -> None:
        import numpy as np

        self._widths = tuple(widths)
        self._planes = {width: np.empty(most, f"<u{width}") for width in widths}
        self._literals = literals

    def frames(self, chunk: Words) -> Iterator[bytes | memoryview]:
        """The planes of a chunk; each piece is valid until the next is asked for."""
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
    """Chunks from frames, one after another.

    Args:
        data: The frames.
    """

    def __init__(self, data: memoryview) -> None:
        self._data = data
        self._at = 0

    def read(self, chunk: Words, widths: Sequence[int]) -> None:
        """Fill a chunk with the next planes.

        Args:
            chunk: Where they go.
            widths: As they were written.

        Raises:
            CorruptError: They can't be read.
        """
        import numpy as np

        for place, width in enumerate(widths):
            part = np.frombuffer(self._plane(len(chunk) * width), f"<u{width}")
            if place:
                np.left_shift(chunk, 8 * width, out=chunk)
                np.bitwise_or(chunk, part, out=chunk)
            else:
                np.copyto(chunk, part)

    def end(self) -> None:
        """Check that everything was read.

        Raises:
            CorruptError: There's more.
        """
        if self._at != len(self._data):
            raise CorruptError(f"{len(self._data) - self._at} bytes follow the last chunk")

    def _plane(self, size: int) -> bytes | memoryview:
        if self._at + _LENGTH.size > len(self._data):
            raise CorruptError("the payload ends early")
        (head,) = _LENGTH.unpack_from(self._data, self._at)
        length, raw = head & ~_RAW, bool(head & _RAW)
        start = self._at + _LENGTH.size
        piece = self._data[start : start + length]
        if len(piece) < length or (raw and length != size):
            raise CorruptError("the payload ends early")
        self._at = start + length
        return piece if raw else zstd.decompress(piece, size, magic=True)
