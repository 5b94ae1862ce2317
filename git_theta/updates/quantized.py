"""Quantized: a base plus whole multiples of one step. Lossy: the value becomes what this gives.

The step is that of MGit (Hao et al., "MGit: A Model Versioning and Management System", 2023): with an
error bound eps, twice the logarithm of 1 + eps. Each element then lies within half a step of
what it was, before it's rounded to its dtype.

Most multiples are -1, 0 and 1. So they're written as numbers below four, which share bytes, with a mark
for every other one, which follows: that takes less than LZMA needs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from git_theta.codecs.frames import CHUNK
from git_theta.codecs.packed import PackedReader, PackedWriter, number
from git_theta.errors import CorruptError
from git_theta.model.tensor import TensorSpec
from git_theta.updates.base import Input, Payload, Pieces, UnsuitableError, only
from git_theta.updates.chunks import chunks
from git_theta.updates.payload import typed_header, unpack_typed
from git_theta.updates.rounding import ARITHMETIC, round_to, widen

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from git_theta.updates.base import Words

#: The number that means: elsewhere.
_MARK = 3

_LARGEST = (1 << 31) - 1


def step_of(epsilon: float) -> float:
    """The step for an error bound."""
    return 2 * math.log1p(epsilon)


class Quantized:
    """A value near another one, to within an error that the user has chosen."""

    name = "quantized"

    def encode_with(self, value: memoryview, spec: TensorSpec, base: Input, step: float) -> Payload:
        """The payload; what it decodes to isn't the value, but near it.

        Args:
            value: Logical bytes.
            spec: Dtype and shape.
            base: The bytes of the base.
            step: The distance between two results for one element; positive.

        Raises:
            UnsuitableError: The dtype isn't one of `ARITHMETIC`, an element isn't finite or too many
                steps away, or rounding to the dtype would overflow.
        """
        import numpy as np

        if spec.dtype not in ARITHMETIC:
            raise UnsuitableError
        yield typed_header(self.name, spec, step=float(step))
        word = f"<u{spec.word_size}"
        most = min(CHUNK, len(value)) // spec.word_size
        small = PackedWriter(1, most, literals=True)
        others = PackedWriter(4, most, literals=True)
        at = 0
        for chunk in chunks(base(len(value)), CHUNK, len(value)):
            before = widen(np.frombuffer(chunk, word), spec.dtype)
            after = widen(np.frombuffer(value[at : at + len(chunk)], word), spec.dtype)
            at += len(chunk)
            with np.errstate(over="ignore", invalid="ignore"):
                steps = np.floor((after - before) / step + 0.5)
            if not (np.abs(steps) <= _LARGEST).all() or not _is_finite(before, steps, step, spec.dtype):
                raise UnsuitableError
            zigzag = _zigzag(steps)
            rest = zigzag[zigzag >= _MARK] - np.uint32(_MARK)
            yield from small.frames(np.minimum(zigzag, _MARK).astype("u1"))
            yield number(len(rest))
            if len(rest):
                yield from others.frames(rest)

    def decode(self, payload: memoryview | None, inputs: Sequence[Input], nbytes: int) -> Pieces:
        """The base's chunks, moved."""
        import numpy as np

        base = only(inputs, self.name)
        spec, header, body = unpack_typed(self.name, payload, nbytes)
        step = header.get("step")
        if spec.dtype not in ARITHMETIC or not isinstance(step, float) or not math.isfinite(step):
            raise CorruptError("the payload's step makes no sense")
        reader = PackedReader(body)
        for chunk in chunks(base(nbytes), CHUNK, nbytes):
            words = np.frombuffer(chunk, f"<u{spec.word_size}")
            zigzag = _read(reader, len(words))
            moves = (zigzag >> 1).astype(np.int64) ^ -(zigzag & 1).astype(np.int64)
            numbers = widen(words, spec.dtype)
            # Adding zero would still change the sign of a negative zero.
            with np.errstate(over="ignore"):
                np.add(numbers, moves * step, out=numbers, where=moves != 0)
            yield round_to(numbers, spec.dtype).data.cast("B")
        reader.end()


def _zigzag(steps: NDArray[np.float64]) -> Words:
    import numpy as np

    whole = steps.astype(np.int64)
    zigzag: Words = ((whole << 1) ^ (whole >> 63)).astype("<u4")
    return zigzag


def _read(reader: PackedReader, count: int) -> Words:
    import numpy as np

    small = np.empty(count, "u1")
    reader.read(small)
    marked = small == _MARK
    rest = np.empty(int(marked.sum()), "<u4")
    if reader.number() != len(rest):
        raise CorruptError("the payload's marks don't fit its numbers")
    if len(rest):
        reader.read(rest)
    zigzag: Words = small.astype("<u4")
    zigzag[marked] = rest + np.uint32(_MARK)
    return zigzag


def _is_finite(before: NDArray[np.float64], steps: NDArray[np.float64], step: float, dtype: str) -> bool:
    import numpy as np

    return bool(np.isfinite(widen(round_to(before + steps * step, dtype), dtype)).all())
