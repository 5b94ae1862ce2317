"""Byte planes: the exponents of floats together, entropy-coded; what is noise stays raw.

A value is cut into chunks of a MiB. In each, every word is rotated left by one bit if it's a float
(so that the exponent fills the top byte), and split into planes from the top: bytes where structure
may be, wider pieces below. A plane is stored as a zstd frame, or raw when a sample doesn't shrink.

Trained weights have little repetition but skewed exponents, so the compressor for float planes is
tuned to find hardly any matches and spend its time on literals: this reaches the order-0 entropy.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import zstandard

from git_theta.codecs.base import Params
from git_theta.errors import CorruptError
from git_theta.model.tensor import FLOATS, TensorSpec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Words = NDArray[np.unsignedinteger[Any]]

CHUNK = 1 << 20

#: Widths of the planes in bytes, from the top of the word, by the size of the word.
_FLOAT_PLANES = {1: (1,), 2: (1, 1), 4: (1, 1, 2), 8: (1, 1, 2, 4)}
_OTHER_PLANES = {1: (1,), 2: (1, 1), 4: (1, 1, 1, 1), 8: (1, 1, 1, 1, 1, 1, 1, 1)}

_LENGTH = struct.Struct("<I")
_RAW = 1 << 31

#: A plane is worth compressing if this many bytes from its middle shrink below this share.
_SAMPLE = 8192
_WORTH = 0.97

#: A longer zstd window than this is never needed for a plane, and never accepted.
_MAX_WINDOW = 8 << 20


class Planes:
    """The codec for tensors of every dtype, and for plain bytes."""

    name = "planes"

    def params(self, spec: TensorSpec) -> Params:
        """Word size, rotation and planes for a dtype."""
        word = spec.word_size
        is_float = spec.dtype in FLOATS or spec.dtype.startswith("C")
        planes = (_FLOAT_PLANES if is_float else _OTHER_PLANES)[word]
        return {"word": word, "float": is_float, "planes": list(planes)}

    def encode(self, data: memoryview, params: Params) -> Iterator[bytes | memoryview]:
        """One frame per plane of each chunk: a 4-byte length, whose top bit marks raw, and bytes."""
        import numpy as np

        word, is_float, widths = _checked(params)
        if len(data) % word:
            raise ValueError(f"{len(data)} bytes aren't a whole number of {word}-byte words")
        compressor = _compressor(is_float)
        words = np.frombuffer(data, dtype=f"<u{word}")
        per_chunk = CHUNK // word
        most = min(per_chunk, len(words))
        # Fresh memory costs page faults: the same buffers serve every chunk.
        rotated, carry = np.empty(most, words.dtype), np.empty(most, words.dtype)
        planes = {width: np.empty(most, f"<u{width}") for width in widths}
        for start in range(0, len(words), per_chunk):
            chunk = words[start : start + per_chunk]
            if is_float:
                chunk = _rotate_left(chunk, rotated[: len(chunk)], carry[: len(chunk)])
            high = word
            for width in widths:
                high -= width
                plane = _take_plane(chunk, high, planes[width][: len(chunk)]).data.cast("B")
                packed = compressor.compress(plane) if _worth(compressor, plane) else b""
                if packed and len(packed) < len(plane):
                    yield _LENGTH.pack(len(packed))
                    yield packed
                else:
                    yield _LENGTH.pack(len(plane) | _RAW)
                    yield plane

    def decode(self, data: memoryview, params: Params, nbytes: int) -> Iterator[memoryview]:
        """Chunks of the value, in one reused buffer."""
        import numpy as np

        word, is_float, widths = _checked(params)
        if nbytes % word:
            raise CorruptError(f"{nbytes} bytes aren't a whole number of {word}-byte words")
        decompressor = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW)
        total, per_chunk = nbytes // word, CHUNK // word
        words = np.empty(min(per_chunk, total), dtype=f"<u{word}")
        scratch = np.empty_like(words)
        at = 0
        for start in range(0, total, per_chunk):
            chunk = words[: min(per_chunk, total - start)]
            high = word
            for width in widths:
                high -= width
                size = len(chunk) * width
                plane, at = _read_plane(data, at, size, decompressor)
                _put_plane(chunk, high, width, np.frombuffer(plane, dtype=f"<u{width}"))
            if is_float:
                _rotate_right(chunk, scratch[: len(chunk)])
            yield chunk.data.cast("B")
        if at != len(data):
            raise CorruptError(f"{len(data) - at} bytes follow the last chunk")


def _checked(params: Params) -> tuple[int, bool, list[int]]:
    word, is_float, planes = params.get("word"), params.get("float"), params.get("planes")
    if (
        not isinstance(word, int)
        or word not in _FLOAT_PLANES
        or not isinstance(is_float, bool)
        or not isinstance(planes, list)
        or not all(isinstance(width, int) and width in _FLOAT_PLANES for width in planes)
        or sum(planes) != word
    ):
        raise CorruptError(f"the payload's planes make no sense: {dict(params)!r:.200}")
    return word, is_float, planes


def _compressor(is_float: bool) -> zstandard.ZstdCompressor:
    if not is_float:
        return zstandard.ZstdCompressor(level=3, write_content_size=False)
    literals_only = zstandard.ZstdCompressionParameters(
        strategy=zstandard.STRATEGY_FAST,
        window_log=17,
        chain_log=6,
        hash_log=6,
        search_log=1,
        min_match=7,
        write_content_size=False,
    )
    return zstandard.ZstdCompressor(compression_params=literals_only)


def _worth(compressor: zstandard.ZstdCompressor, plane: memoryview) -> bool:
    if len(plane) <= 4 * _SAMPLE:
        return True
    middle = (len(plane) - _SAMPLE) // 2
    pieces = (plane[:_SAMPLE], plane[middle : middle + _SAMPLE], plane[-_SAMPLE:])
    return any(len(compressor.compress(piece)) < _WORTH * _SAMPLE for piece in pieces)


def _take_plane(chunk: Words, low_byte: int, out: Words) -> Words:
    import numpy as np

    width, word = out.dtype.itemsize, chunk.dtype.itemsize
    # A strided view is the fastest way to pick a part of each word, where the part is aligned.
    np.copyto(out, chunk.view(out.dtype)[low_byte // width :: word // width])
    return out


def _put_plane(chunk: Words, low_byte: int, width: int, plane: Words) -> None:
    chunk.view(f"<u{width}")[low_byte // width :: chunk.dtype.itemsize // width] = plane


def _read_plane(
    data: memoryview, at: int, size: int, decompressor: zstandard.ZstdDecompressor
) -> tuple[bytes | memoryview, int]:
    if at + 4 > len(data):
        raise CorruptError("the payload ends early")
    (length,) = _LENGTH.unpack_from(data, at)
    raw, length = bool(length & _RAW), length & ~_RAW
    at += 4
    piece = data[at : at + length]
    if len(piece) < length or (raw and length != size):
        raise CorruptError("the payload ends early")
    if raw:
        return piece, at + length
    try:
        plane = decompressor.decompress(piece, max_output_size=size)
    except zstandard.ZstdError as error:
        raise CorruptError(f"the payload can't be decompressed: {error}") from error
    if len(plane) != size:
        raise CorruptError("the payload decompresses to a wrong size")
    return plane, at + length


def _rotate_left(words: Words, out: Words, carry: Words) -> Words:
    import numpy as np

    np.left_shift(words, 1, out=out)
    np.right_shift(words, words.dtype.itemsize * 8 - 1, out=carry)
    np.bitwise_or(out, carry, out=out)
    return out


def _rotate_right(words: Words, scratch: Words) -> None:
    import numpy as np

    bits = words.dtype.itemsize * 8
    np.left_shift(words, bits - 1, out=scratch)
    np.right_shift(words, 1, out=words)
    np.bitwise_or(words, scratch, out=words)
