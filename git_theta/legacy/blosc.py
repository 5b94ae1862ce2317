"""Blosc frames with LZ4 inside, in which git-theta 0.2's arrays are compressed."""

from __future__ import annotations

import importlib
import struct
from typing import TYPE_CHECKING, Any

from git_theta.legacy.metadata import LegacyError

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Version of the frame and of its codec, flags, bytes per element; bytes of the content, of a block, of the
#: frame.
_HEADER = struct.Struct("<4B3I")
_VERSION, _LZ4 = 2, 1

#: LZ4 never expands a byte to more bytes than this.
MAX_RATIO = 256


def decompress_blosc(frame: bytes, nbytes: int) -> NDArray[Any]:
    """Decompress a frame to an array of `uint8`, shape `(nbytes,)`.

    Args:
        frame: The whole frame.
        nbytes: The number of bytes that it must give.

    Raises:
        LegacyError: It's damaged, gives another number of bytes, or the library for it isn't installed.
    """
    import numpy as np

    if len(frame) < _HEADER.size:
        raise LegacyError("a compressed chunk is cut short")
    version, _, flags, _, size, _, length = _HEADER.unpack_from(frame)
    if version != _VERSION or flags >> 5 != _LZ4:
        raise LegacyError("a chunk is compressed in a way that git-theta 0.2 didn't use")
    if length != len(frame) or size != nbytes or nbytes > MAX_RATIO * length:
        raise LegacyError(f"a compressed chunk of {len(frame)} bytes doesn't give {nbytes} bytes")
    library = _library()
    out = np.empty(nbytes, "u1")
    try:
        library.decompress(frame, out)
    except (RuntimeError, ValueError) as error:
        raise LegacyError(f"a compressed chunk is damaged: {error}") from error
    return out


def _library() -> Any:
    try:
        return importlib.import_module("numcodecs.blosc")
    except ImportError as error:
        raise LegacyError(
            "reading what git-theta 0.2 stored needs the package numcodecs",
            "pip install 'git-theta[migrate]'",
        ) from error
