"""An input that is read again and again while ways to store a value are compared."""

from __future__ import annotations

from git_theta.codecs.frames import CHUNK
from git_theta.updates.base import Input, Pieces

#: Sizes in bytes up to which values are kept, and how often they're decoded before. Larger ones are decoded
#: each time, as several are compared at once.
_KEPT_AFTER = ((CHUNK, 0), (8 << 20, 1), (64 << 20, 2))


class KeptInput:
    """An input that decodes its value for the first readers only, and keeps it for those after them.

    It belongs to one thread.

    Args:
        read: Decodes the value.
    """

    __slots__ = ("_count", "_data", "_read")

    def __init__(self, read: Input) -> None:
        self._read = read
        self._count = 0
        self._data: memoryview | None = None

    def __call__(self, nbytes: int) -> Pieces:
        """The value's bytes; errors are those of decoding."""
        if self._data is None:
            self._count += 1
            decoded = next((times for size, times in _KEPT_AFTER if nbytes <= size), self._count)
            if self._count <= decoded:
                return self._read(nbytes)
            self._data = memoryview(b"".join(map(bytes, self._read(nbytes))))
        data = self._data
        return (data[start : start + CHUNK] for start in range(0, len(data), CHUNK))
