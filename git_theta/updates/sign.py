"""Sign: a base plus or minus one number, which neighbouring elements share. Lossy: one bit an element.

The update is that of BitDelta (Liu et al., "BitDelta: Your Fine-Tune May Only Be Worth One Bit", 2024): the
sign of each element's change, times the mean magnitude of the changes, which minimises the squared error.
BitDelta has one such scale a matrix; here each row has its own, unless rows are short.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from git_theta.codecs.frames import CHUNK
from git_theta.codecs.packed import PackedReader, PackedWriter
from git_theta.errors import CorruptError
from git_theta.model.tensor import TensorSpec
from git_theta.updates.base import Base, Input, Payload, Pieces, UnsuitableError, input_or_zeros
from git_theta.updates.demand import Demand, ReadPayload, streaming
from git_theta.updates.payload import PayloadHeader, typed_header, unpack_typed
from git_theta.updates.rounding import ARITHMETIC, add_nonzero, round_to, widen

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: Elements that share a scale, at least: 32 bits of a scale are then a quarter of a bit an element at most.
_FEWEST = 128


def elements_per_scale(shape: tuple[int, ...]) -> int:
    """The number of consecutive elements that share a scale: rows of the last dimensions, or all."""
    count = 1
    for size in reversed(shape):
        count *= size
        if count >= _FEWEST:
            return count
    return max(1, count)


class Sign:
    """A value whose elements are all one step above or below those of another one."""

    name = "sign"

    def encode_near(self, value: memoryview, spec: TensorSpec, base: Base, epsilon: float) -> Payload:
        """The payload with the sign of each element's change, and the mean magnitudes of the changes.

        Args:
            value: Logical bytes.
            spec: Dtype and shape of the value, and of the base.
            base: The value that the changes start from.
            epsilon: Without meaning here: the size of the changes alone determines the error.

        Raises:
            UnsuitableError: The dtype is none of `ARITHMETIC`, an element isn't finite, or a result might not
                be.
        """
        import numpy as np

        if spec.dtype not in ARITHMETIC:
            raise UnsuitableError
        group = elements_per_scale(spec.shape)
        groups = -(-spec.count // group)
        sums, most = np.zeros(groups), np.zeros(groups)
        signs = []
        word, start, item = f"<u{spec.word_size}", 0, spec.item_size
        for chunk in base.chunks(CHUNK):
            before = widen(np.frombuffer(chunk, word), spec.dtype)
            after = widen(np.frombuffer(value[start : start + len(chunk)], word), spec.dtype)
            with np.errstate(over="ignore", invalid="ignore"):
                change = after - before
            first = start // item
            start += len(chunk)
            _gather(np.add, sums, np.abs(change), first, group)
            _gather(np.maximum, most, np.abs(before), first, group)
            signs.append(np.packbits(change > 0, bitorder="little"))
        sizes = np.minimum(group, spec.count - group * np.arange(groups))
        with np.errstate(over="ignore", invalid="ignore"):
            scales = (sums / sizes).astype("<f4")
        _check_finite(scales, most, spec.dtype)
        yield typed_header(self.name, spec, group=group)
        yield from PackedWriter(4, groups, literals=True).frames(scales.view("<u4"))
        writer = PackedWriter(1, -(-CHUNK // item // 8), literals=True)
        for bits in signs:
            yield from writer.frames(bits)

    def demand(self, payload: ReadPayload, inputs: int, nbytes: int) -> Demand:
        """Chunks of the base, of the signs and of the numbers in float64; and all scales."""
        spec, header, _ = unpack_typed(self.name, payload(), nbytes)
        scales = -(-spec.count // _group(header, spec))
        streamed = streaming(inputs, nbytes, work=8, memory=32 << 20)
        return Demand(streamed.inputs, streamed.work + 4 * scales, streamed.memory + 16 * scales)

    def decode(self, payload: memoryview | None, inputs: Sequence[Input], nbytes: int) -> Pieces:
        """The base's chunks, each element moved up or down."""
        import numpy as np

        base = input_or_zeros(inputs, self.name)
        spec, header, body = unpack_typed(self.name, payload, nbytes)
        if spec.dtype not in ARITHMETIC:
            raise CorruptError(f"changes by signs make no sense in dtype {spec.dtype}")
        group = _group(header, spec)
        reader = PackedReader(body)
        words = np.empty(-(-spec.count // group), "<u4")
        reader.read(words)
        scales = words.view("<f4").astype(np.float64)
        if not np.isfinite(scales).all():
            raise CorruptError("the payload's scales make no sense")
        first = 0
        for chunk in Base(spec, base).chunks(CHUNK):
            before = np.frombuffer(chunk, f"<u{spec.word_size}")
            bits = np.empty(-(-len(before) // 8), "u1")
            reader.read(bits)
            up = np.unpackbits(bits, count=len(before), bitorder="little").astype(bool)
            moves = _spread(scales, first, len(before), group)
            np.negative(moves, out=moves, where=~up)
            first += len(before)
            yield add_nonzero(before, moves, spec.dtype).data.cast("B")
        reader.end()


def _group(header: PayloadHeader, spec: TensorSpec) -> int:
    """The number of elements that share a scale, of a value of that dtype and shape.

    Raises:
        CorruptError: The header has none.
    """
    group = header.get("group")
    if type(group) is not int or group < 1:
        raise CorruptError("the payload doesn't say how many elements share a scale")
    return min(group, max(1, spec.count))


def _gather(
    operation: np.ufunc, totals: NDArray[np.float64], numbers: NDArray[np.float64], first: int, group: int
) -> None:
    """Combine consecutive numbers with the totals of the groups that they're in.

    Args:
        operation: `numpy.add` or `numpy.maximum`.
        totals: float64, one a group; changed.
        numbers: float64, flat, at least one.
        first: Index of the first of the numbers in the whole value.
        group: Elements of a group.
    """
    import numpy as np

    start, stop = first // group, (first + len(numbers) - 1) // group + 1
    edges = np.maximum(np.arange(start, stop) * group - first, 0)
    here = totals[start:stop]
    with np.errstate(over="ignore", invalid="ignore"):
        operation(here, operation.reduceat(numbers, edges), out=here)


def _spread(scales: NDArray[np.float64], first: int, count: int, group: int) -> NDArray[np.float64]:
    """The scale of each of `count` elements from the one at index `first` on."""
    import numpy as np

    return scales[np.arange(first, first + count) // group]


def _check_finite(scales: NDArray[np.float32], most: NDArray[np.float64], dtype: str) -> None:
    """Check that no element of a group can leave the range of its dtype.

    Args:
        scales: The groups' scales.
        most: The largest magnitude of a base's element in each group.
        dtype: Dtype of the value, one of `ARITHMETIC`.

    Raises:
        UnsuitableError: One might, or a scale isn't finite.
    """
    import numpy as np

    if not (np.isfinite(scales).all() and np.isfinite(most).all()):
        raise UnsuitableError
    if not np.isfinite(widen(round_to(most + scales, dtype), dtype)).all():
        raise UnsuitableError
