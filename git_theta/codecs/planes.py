"""Byte planes: the exponents of floats together, entropy-coded; mantissas, which are noise, stay raw.

A value is cut into chunks of 1 MiB. The words of floats are rotated left by one bit, so that the exponent
fills the top byte. Words are then split into planes from the top: single bytes where structure may be, wider
pieces below.

Trained weights hardly repeat but have skewed exponents, so the compressor for float planes spends its time on
literals.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from git_theta.codecs.base import Params
from git_theta.codecs.frames import CHUNK, PlaneReader, PlaneWriter
from git_theta.errors import CorruptError
from git_theta.model.tensor import FLOATS, TensorSpec

if TYPE_CHECKING:
    from git_theta.codecs.frames import Words

#: Widths of the planes in bytes, from the top of the word, by the size of the word.
_FLOAT_PLANES = {1: (1,), 2: (1, 1), 4: (1, 1, 2), 8: (1, 1, 2, 4)}
_OTHER_PLANES = {1: (1,), 2: (1, 1), 4: (1, 1, 1, 1), 8: (1, 1, 1, 1, 1, 1, 1, 1)}


class Planes:
    """The codec for tensors of every dtype, and for plain bytes."""

    name = "planes"

    def params(self, spec: TensorSpec) -> Params:
        """Word size in bytes, whether to rotate, and widths of the planes, for a dtype."""
        word = spec.word_size
        is_float = spec.dtype in FLOATS or spec.dtype.startswith("C")
        planes = (_FLOAT_PLANES if is_float else _OTHER_PLANES)[word]
        return {"word": word, "float": is_float, "planes": list(planes)}

    def encode(self, data: memoryview, params: Params) -> Iterator[bytes | memoryview]:
        """One frame for each plane of each chunk."""
        import numpy as np

        word, is_float, widths = _checked(params)
        if len(data) % word:
            raise ValueError(f"{len(data)} bytes aren't a whole number of {word}-byte words")
        words = np.frombuffer(data, dtype=f"<u{word}")
        per_chunk = CHUNK // word
        most = min(per_chunk, len(words))
        rotated, carry = np.empty(most, words.dtype), np.empty(most, words.dtype)
        writer = PlaneWriter(widths, most, literals=is_float)
        for start in range(0, len(words), per_chunk):
            chunk = words[start : start + per_chunk]
            if is_float:
                chunk = _rotate_left(chunk, rotated[: len(chunk)], carry[: len(chunk)])
            yield from writer.frames(chunk)

    def decode(self, data: memoryview, params: Params, nbytes: int) -> Iterator[memoryview]:
        """The value's chunks, in one reused buffer."""
        return self.decode_part(data, params, nbytes, 0, nbytes)

    def decode_part(
        self, data: memoryview, params: Params, nbytes: int, start: int, end: int
    ) -> Iterator[memoryview]:
        """The chunks' parts in a range, in one reused buffer; chunks without a part in it aren't decoded."""
        import numpy as np

        word, is_float, widths = _checked(params)
        if nbytes % word:
            raise CorruptError(f"{nbytes} bytes aren't a whole number of {word}-byte words")
        total, per_chunk = nbytes // word, CHUNK // word
        words = np.empty(min(per_chunk, total), dtype=f"<u{word}")
        scratch = np.empty_like(words)
        reader = PlaneReader(data)
        for first in range(0, total, per_chunk):
            chunk = words[: min(per_chunk, total - first)]
            position = first * word
            if position >= end and end < nbytes:
                return
            if position + chunk.nbytes <= start:
                reader.skip(len(chunk), widths)
                continue
            reader.read(chunk, widths)
            if is_float:
                _rotate_right(chunk, scratch[: len(chunk)])
            yield chunk.data.cast("B")[max(0, start - position) : max(0, end - position)]
        reader.end()


def _checked(params: Params) -> tuple[int, bool, list[int]]:
    """Word size, whether to rotate, and widths of the planes.

    Raises:
        CorruptError: The parameters aren't valid.
    """
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


def _rotate_left(words: Words, out: Words, carry: Words) -> Words:
    import numpy as np

    if not words.flags.aligned:
        # Files of Protocol Buffers put values anywhere; a copy is cheaper than two passes over such words.
        np.copyto(out, words)
        words = out
    np.right_shift(words, words.dtype.itemsize * 8 - 1, out=carry)
    np.left_shift(words, 1, out=out)
    np.bitwise_or(out, carry, out=out)
    return out


def _rotate_right(words: Words, scratch: Words) -> None:
    import numpy as np

    bits = words.dtype.itemsize * 8
    np.left_shift(words, bits - 1, out=scratch)
    np.right_shift(words, 1, out=words)
    np.bitwise_or(words, scratch, out=words)
