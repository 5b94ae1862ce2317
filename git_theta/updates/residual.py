"""Residuals: the exact differences between a value and its prediction, chunk by chunk.

Differences of ordered integers are sorted by the prediction's exponents, which the decoder knows, and written
as packed byte planes, segment by segment. A chunk begins with a varint: 0 for an exact prediction, without
anything after it; else 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from git_theta.codecs.packed import PackedReader, PackedWriter, varint
from git_theta.model.tensor import TensorSpec
from git_theta.updates.base import Payload
from git_theta.updates.ordered import advance, by_exponent, difference, is_ordered

if TYPE_CHECKING:
    from git_theta.updates.base import Words

#: Bytes of a segment: small, as statistics change with the exponent. Half or twice as many take more.
_SEGMENT = 1 << 16

_EXACT, _DIFFERENT = varint(0), varint(1)


class ResidualWriter:
    """Writes the residuals of one value.

    Args:
        spec: Dtype and shape of the value; only the dtype matters.
        most: Number of words in the largest chunk.
    """

    def __init__(self, spec: TensorSpec, most: int) -> None:
        self._dtype = spec.dtype
        self._floats = is_ordered(spec)
        segment = _SEGMENT // spec.word_size
        self._writer = PackedWriter(spec.word_size, most, literals=self._floats, segment=segment)

    def frames(self, value: Words, prediction: Words) -> Payload:
        """The residual of a chunk.

        Args:
            value: Machine words, flat.
            prediction: As many words.
        """
        import numpy as np

        if np.array_equal(value, prediction):
            yield _EXACT
            return
        yield _DIFFERENT
        steps = difference(value, prediction, self._floats)
        order = by_exponent(prediction, self._dtype)
        if order is not None:
            steps = steps[order]
        yield from self._writer.frames(steps)


class ResidualReader:
    """Restores values from residuals.

    Args:
        data: The residuals of all chunks.
        spec: Dtype and shape of the value; only the dtype matters.
    """

    def __init__(self, data: memoryview, spec: TensorSpec) -> None:
        self._dtype = spec.dtype
        self._floats = is_ordered(spec)
        self._reader = PackedReader(data, segment=_SEGMENT // spec.word_size)

    def apply(self, prediction: Words) -> Words:
        """The words of the next chunk.

        Args:
            prediction: The chunk's predicted words, flat.

        Raises:
            CorruptError: The residual is damaged or ends early.
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
        """Check that every byte was read.

        Raises:
            CorruptError: Bytes are left.
        """
        self._reader.end()
