"""Residual: what a prediction leaves to be said about a value, chunk by chunk.

The differences of ordered integers are put into the order of the prediction's exponents, which the
decoder knows, and then, segment by segment, into packed byte planes. A chunk begins with a number: 0 if it
was predicted exactly, and nothing follows; else 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from git_theta.codecs.packed import PackedReader, PackedWriter, varint
from git_theta.model.tensor import TensorSpec
from git_theta.updates.base import Payload
from git_theta.updates.ordered import advance, by_exponent, difference, is_ordered

if TYPE_CHECKING:
    from git_theta.updates.base import Words

#: Bytes of a segment: small, as the statistics change with the exponent. Half or twice as much is worse.
_SEGMENT = 1 << 16

_SAME, _OTHER = varint(0), varint(1)


class ResidualWriter:
    """Residuals of one value.

    Args:
        spec: Of the value; only the dtype matters.
        most: Words in the largest chunk.
    """

    def __init__(self, spec: TensorSpec, most: int) -> None:
        self._dtype = spec.dtype
        self._floats = is_ordered(spec)
        segment = _SEGMENT // spec.word_size
        self._writer = PackedWriter(spec.word_size, most, literals=self._floats, segment=segment)

    def frames(self, value: Words, prediction: Words) -> Payload:
        """The residual of a chunk."""
        import numpy as np

        if np.array_equal(value, prediction):
            yield _SAME
            return
        yield _OTHER
        steps = difference(value, prediction, self._floats)
        order = by_exponent(prediction, self._dtype)
        if order is not None:
            steps = steps[order]
        yield from self._writer.frames(steps)


class ResidualReader:
    """Values from residuals.

    Args:
        data: The frames.
        spec: Of the value.
    """

    def __init__(self, data: memoryview, spec: TensorSpec) -> None:
        self._dtype = spec.dtype
        self._floats = is_ordered(spec)
        self._reader = PackedReader(data, segment=_SEGMENT // spec.word_size)

    def apply(self, prediction: Words) -> Words:
        """The value of the chunk that this was predicted for.

        Raises:
            CorruptError: The frames can't be read.
        """
        import numpy as np

        if not self._reader.varint():
            return prediction
        steps = np.empty_like(prediction)
        self._reader.read(steps)
        order = by_exponent(prediction, self._dtype)
        if order is not None:
            placed = np.empty_like(steps)
            placed[order] = steps
            steps = placed
        return advance(prediction, steps, self._floats)

    def end(self) -> None:
        """Check that everything was read.

        Raises:
            CorruptError: There's more.
        """
        self._reader.end()
