"""Quantized: a base plus integer multiples of one step. Lossy: the value becomes what the payload gives.

Without a base, the value itself is rounded to multiples of the step.

The step is that of MGit (Hao et al., "MGit: A Model Versioning and Management System", 2023): with an
error bound eps, twice the logarithm of 1 + eps. Each element moves by at most half a step, before it's
rounded to its dtype.

Most multiples are -1, 0 and 1. So zig-zag codes below 3 are written in two bits each; 3 is an escape: the
code follows apart. That takes fewer bytes than LZMA.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from git_theta.codecs.frames import CHUNK
from git_theta.codecs.packed import PackedReader, PackedWriter, varint
from git_theta.errors import CorruptError
from git_theta.model.tensor import TensorSpec
from git_theta.updates.base import Base, Input, Payload, Pieces, UnsuitableError, input_or_zeros
from git_theta.updates.demand import Demand, ReadPayload, streaming
from git_theta.updates.payload import typed_header, unpack_typed
from git_theta.updates.rounding import ARITHMETIC, round_to, widen

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from git_theta.updates.base import Words

#: The two-bit code of a multiple that is stored apart, as its zig-zag code minus this.
_ESCAPE = 3

_MAX_MULTIPLE = (1 << 31) - 1


def step_of(epsilon: float) -> float:
    """The step for a relative error bound."""
    return 2 * math.log1p(epsilon)


class Quantized:
    """Multiples of one step, added to another value or to zeros, with an error that the user bounds."""

    name = "quantized"

    def encode_near(self, value: memoryview, spec: TensorSpec, base: Base, epsilon: float) -> Payload:
        """The payload for a value within the error bound: half of `step_of(epsilon)`, before rounding.

        Raises:
            UnsuitableError: As for `encode_steps`.
        """
        return self.encode_steps(value, spec, base, step_of(epsilon))

    def encode_steps(self, value: memoryview, spec: TensorSpec, base: Base, step: float) -> Payload:
        """The payload for the nearest multiples of a step.

        Args:
            value: Logical bytes.
            spec: Dtype and shape of the value, and of the base.
            base: The value that the steps start from.
            step: Distance between two results for one element, positive.

        Raises:
            UnsuitableError: The dtype is none of `ARITHMETIC`, an element isn't finite or too many steps
                away, or rounding to the dtype would overflow.
        """
        import numpy as np

        if spec.dtype not in ARITHMETIC:
            raise UnsuitableError
        yield typed_header(self.name, spec, step=float(step))
        word = f"<u{spec.word_size}"
        most = min(CHUNK, len(value)) // spec.word_size
        codes = PackedWriter(1, most, literals=True)
        others = PackedWriter(4, most, literals=True)
        start = 0
        for chunk in base.chunks(CHUNK):
            before = widen(np.frombuffer(chunk, word), spec.dtype)
            after = widen(np.frombuffer(value[start : start + len(chunk)], word), spec.dtype)
            start += len(chunk)
            with np.errstate(over="ignore", invalid="ignore"):
                steps = np.floor((after - before) / step + 0.5)
            if not (np.abs(steps) <= _MAX_MULTIPLE).all() or not _is_finite(before, steps, step, spec.dtype):
                raise UnsuitableError
            zigzag = _zigzag(steps)
            rest = zigzag[zigzag >= _ESCAPE] - np.uint32(_ESCAPE)
            yield from codes.frames(np.minimum(zigzag, _ESCAPE).astype("u1"))
            yield varint(len(rest))
            if len(rest):
                yield from others.frames(rest)

    def demand(self, payload: ReadPayload, inputs: int, nbytes: int) -> Demand:
        """Chunks of the base or of zeros, of the multiples, and of the numbers in float64."""
        return streaming(inputs, nbytes, work=8, memory=12 << 20)

    def decode(self, payload: memoryview | None, inputs: Sequence[Input], nbytes: int) -> Pieces:
        """The base's chunks, moved by their steps."""
        import numpy as np

        base = input_or_zeros(inputs, self.name)
        spec, header, body = unpack_typed(self.name, payload, nbytes)
        step = header.get("step")
        if spec.dtype not in ARITHMETIC or not isinstance(step, float) or not math.isfinite(step):
            raise CorruptError("the payload's step makes no sense")
        reader = PackedReader(body)
        for chunk in Base(spec, base).chunks(CHUNK):
            words = np.frombuffer(chunk, f"<u{spec.word_size}")
            zigzag = _read(reader, len(words))
            moves = (zigzag >> 1).view("<i4") ^ -(zigzag & 1).view("<i4")
            numbers = widen(words, spec.dtype)
            # Adding zero would change the sign of a negative zero.
            with np.errstate(over="ignore"):
                np.add(numbers, moves * step, out=numbers, where=moves != 0)
            yield round_to(numbers, spec.dtype).data.cast("B")
        reader.end()


def _zigzag(steps: NDArray[np.float64]) -> Words:
    """Zig-zag codes of whole numbers, as u32: 0, -1, 1, -2 become 0, 1, 2, 3."""
    whole = steps.astype("<i4")
    zigzag: Words = ((whole << 1) ^ (whole >> 31)).view("<u4")
    return zigzag


def _read(reader: PackedReader, count: int) -> Words:
    """The next zig-zag codes, as u32."""
    import numpy as np

    small = np.empty(count, "u1")
    reader.read(small)
    escaped = small == _ESCAPE
    rest = np.empty(int(escaped.sum()), "<u4")
    if reader.varint() != len(rest):
        raise CorruptError("the payload's escapes don't fit its numbers")
    if len(rest):
        reader.read(rest)
    zigzag: Words = small.astype("<u4")
    zigzag[escaped] = rest + np.uint32(_ESCAPE)
    return zigzag


def _is_finite(before: NDArray[np.float64], steps: NDArray[np.float64], step: float, dtype: str) -> bool:
    """Whether every moved element is finite in its dtype."""
    import numpy as np

    return bool(np.isfinite(widen(round_to(before + steps * step, dtype), dtype)).all())
