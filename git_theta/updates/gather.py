"""Gather: a tensor whose slices along one axis are those of another one, in any order, and new ones.

A slice is a row of a matrix for the first axis, a column for the second one. An index says where each comes
from, so that permuted channels or a vocabulary with words in between cost some bits a slice. Slices that
changed a little come from the base, too: another update goes on top.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from git_theta.codecs.frames import CHUNK
from git_theta.codecs.packed import PackedReader, PackedWriter
from git_theta.codecs.tensor_codec import DEFAULT_CODEC, decode_tensor, encode_tensor
from git_theta.errors import CorruptError
from git_theta.model.strided import scratch_memory, temporary_file
from git_theta.model.tensor import MAX_BYTES, TensorSpec
from git_theta.updates.base import Base, Input, Payload, Pieces, UnsuitableError, single_input
from git_theta.updates.demand import Demand, ReadPayload
from git_theta.updates.ordered import advance, difference
from git_theta.updates.payload import PayloadHeader, typed_header, unpack_typed
from git_theta.updates.slice_search import find_shuffled, find_slices, sliced_axes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from git_theta.updates.base import Words

    Index = NDArray[np.uint32]

#: Bytes of the smallest value whose slices are looked for: a model may have thousands of small ones.
SMALLEST_VALUE = 32 << 10

#: The least share of slices that come from the base, and of different ones among these.
_LEAST_SHARE, _LEAST_DISTINCT = 1 / 8, 1 / 4

#: Work for each slice, and for each byte that is copied.
_SLICE_WORK, _COPY_WORK = 100, 4


@dataclass(frozen=True, slots=True)
class Slices:
    """A tensor seen as slices along one axis.

    Attributes:
        outer: Product of the dimensions before the axis.
        count: Number of slices.
        inner: Bytes of the elements after the axis.
    """

    outer: int
    count: int
    inner: int

    @classmethod
    def of(cls, spec: TensorSpec, axis: int) -> Slices:
        """The slices of a tensor along one of its axes."""
        shape = spec.shape
        return cls(math.prod(shape[:axis]), shape[axis], math.prod(shape[axis + 1 :]) * spec.item_size)


class Gather:
    """A tensor that shares slices with another one."""

    name = "gather"

    def accepts(self, spec: TensorSpec, base: TensorSpec) -> bool:
        """Whether the types are equal but for the size of one axis at most, and slices have some elements."""
        return spec.dtype == base.dtype and bool(sliced_axes(spec, base))

    def encode(self, value: memoryview, spec: TensorSpec, base: Base) -> Payload:
        """Header, the index of each slice in the base, then the slices that have none.

        Raises:
            UnsuitableError: Few slices correspond to others of the base, or most are where they were.
        """
        if spec.nbytes < SMALLEST_VALUE:
            raise UnsuitableError
        for axis, index in _indices(value, spec, base):
            if _share(index, base.spec.shape[axis]) >= _LEAST_SHARE:
                yield from self.encode_index(value, spec, base.spec, axis, index)
                return
        raise UnsuitableError

    def encode_index(
        self, value: memoryview, spec: TensorSpec, base: TensorSpec, axis: int, index: Index
    ) -> Payload:
        """The payload for a given index.

        Args:
            value: Logical bytes.
            spec: Dtype and shape.
            base: Dtype and shape of the base.
            axis: The axis that the slices are along.
            index: For each slice of the value the one of the base, or their number for a new one.
        """
        import numpy as np

        ours, count = Slices.of(spec, axis), base.shape[axis]
        packed = b"".join(PackedWriter(4, len(index), literals=False).frames(_steps(index)))
        yield typed_header(
            self.name, spec, axis=axis, base=count, codec=DEFAULT_CODEC.name, index=len(packed)
        )
        yield packed
        slices = np.frombuffer(value, np.uint8).reshape(ours.outer, ours.count, ours.inner)
        new = np.ascontiguousarray(slices[:, index == count])
        yield encode_tensor(new.reshape(-1).data, spec)

    def demand(self, payload: ReadPayload, inputs: int, nbytes: int) -> Demand:
        """The base, which is on disk if it's large, or a slice before the axis; the index, and new slices."""
        spec, header, _ = unpack_typed(self.name, payload(), nbytes)
        axis, count, _ = _parse_header(spec, header)
        ours = Slices.of(spec, axis)
        base_nbytes = ours.outer * count * ours.inner
        work = _COPY_WORK * (nbytes + base_nbytes) + _SLICE_WORK * ours.count
        if ours.outer == 1:
            memory = min(base_nbytes, 64 << 20) + _block_slices(ours) * ours.inner
        else:
            memory = 2 * (ours.count + count) * ours.inner
        return Demand((base_nbytes,) * inputs, work, memory + min(nbytes, 64 << 20) + 32 * ours.count)

    def decode(self, payload: memoryview | None, inputs: Sequence[Input], nbytes: int) -> Pieces:
        """The slices, block by block."""
        import numpy as np

        read = single_input(inputs, self.name)
        spec, header, body = unpack_typed(self.name, payload, nbytes)
        axis, count, size = _parse_header(spec, header)
        if size > len(body):
            raise CorruptError("the payload ends early")
        ours = Slices.of(spec, axis)
        index = _read_index(body[:size], ours.count, count)
        new_count = int(np.count_nonzero(index == count))
        new_spec = TensorSpec(spec.dtype, (ours.outer * new_count * ours.inner // spec.item_size,))
        new = np.frombuffer(decode_tensor(header.get("codec"), body[size:], new_spec), np.uint8)
        base = Base(TensorSpec("U8", (ours.outer * count * ours.inner,)), read)
        if ours.outer == 1:
            yield from _gathered_rows(base, ours, index, count, new.reshape(new_count, ours.inner))
        else:
            yield from _gathered_blocks(
                base, ours, index, count, new.reshape(ours.outer, new_count, ours.inner)
            )


def _indices(value: memoryview, spec: TensorSpec, base: Base) -> Iterator[tuple[int, Index]]:
    """Each axis with the index of its slices, to be tried one after another."""
    for axis in sliced_axes(spec, base.spec):
        yield axis, find_slices(value, spec, base, axis)
    if spec == base.spec:
        # The elements of such slices are still in other places: another update goes on top.
        yield 0, find_shuffled(value, spec, base)


def _share(index: Index, count: int) -> float:
    """The share of slices that come from the base; of a base of as many slices, from other places of it.

    Slices that are where they were are those of a value that was trained further.
    """
    import numpy as np

    known = index < count
    if len(index) == count:
        known &= index != np.arange(count)
    # Where many come from few, they have little in them, and are like any other.
    distinct = len(np.unique(index[known]))
    return float(known.mean()) if distinct >= _LEAST_DISTINCT * np.count_nonzero(known) else 0.0


def _steps(index: Index) -> Words:
    """The zig-zag distance of each index from the one after its predecessor."""
    import numpy as np

    expected = np.zeros_like(index)
    expected[1:] = index[:-1] + 1
    return difference(index, expected, False)


def _read_index(data: memoryview, slices: int, count: int) -> Index:
    """The index of each slice.

    Raises:
        CorruptError: The index is damaged, or leads out of the base.
    """
    import numpy as np

    steps = np.empty(slices, "<u4")
    reader = PackedReader(data)
    reader.read(steps)
    reader.end()
    # The sum of all distances, each one more than its step: modulo 2^32, as they were taken.
    index: Index = np.cumsum(advance(np.ones_like(steps), steps, False), dtype="<u4") - np.uint32(1)
    if int(index.max(initial=0)) > count:
        raise CorruptError("the payload's slices are more than there are")
    return index


def _gathered_rows(base: Base, ours: Slices, index: Index, count: int, new: NDArray[np.uint8]) -> Pieces:
    """The slices along the first axis, from all of the base."""
    import numpy as np

    chunks, start = base.chunks(CHUNK), 0
    # An input of another size is refused before there's room for it.
    piece = next(chunks, memoryview(b""))
    memory = scratch_memory(base.spec.nbytes, temporary_file)
    while piece:
        memory[start : start + len(piece)] = piece
        start += len(piece)
        piece = next(chunks, memoryview(b""))
    rows = np.frombuffer(memory, np.uint8).reshape(count, ours.inner)
    block, taken = _block_slices(ours), 0
    for start in range(0, ours.count, block):
        part = index[start : start + block]
        gathered, news = _gathered(rows[None], part, new[None, taken:])
        taken += news
        yield gathered.data.cast("B")


def _gathered_blocks(base: Base, ours: Slices, index: Index, count: int, new: NDArray[np.uint8]) -> Pieces:
    """The slices along another axis, some indices of the dimensions before it at a time."""
    import numpy as np

    outer = max(1, CHUNK // max(1, max(count, ours.count) * ours.inner))
    start = 0
    for piece in base.chunks(outer * count * ours.inner):
        part = np.frombuffer(piece, np.uint8).reshape(-1, count, ours.inner)
        gathered, _ = _gathered(part, index, new[start : start + len(part)])
        start += len(part)
        yield gathered.data.cast("B")


def _gathered(base: NDArray[np.uint8], index: Index, new: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], int]:
    """Slices of the base and new ones, in the order of the index; and the number of new ones.

    Args:
        base: Bytes, shape (outer, slices of the base, inner).
        index: The slices to take.
        new: Bytes of new slices, shape (outer, at least those needed, inner).
    """
    import numpy as np

    count = base.shape[1]
    is_new = index == count
    news = int(np.count_nonzero(is_new))
    gathered = np.take(base, np.minimum(index, count - 1), axis=1)
    gathered[:, is_new] = new[:, :news]
    return gathered, news


def _block_slices(ours: Slices) -> int:
    return max(1, CHUNK // max(1, ours.inner))


def _parse_header(spec: TensorSpec, header: PayloadHeader) -> tuple[int, int, int]:
    """The axis, the number of the base's slices, and the bytes of the index.

    Raises:
        CorruptError: The header makes no sense for a value of that type.
    """
    axis, count, size = (header.get(key) for key in ("axis", "base", "index"))
    if (
        type(axis) is not int
        or type(count) is not int
        or type(size) is not int
        or not 0 <= axis < len(spec.shape)
        or not 0 < count < 1 << 32
        or size < 0
    ):
        raise CorruptError("the payload's slices make no sense")
    ours = Slices.of(spec, axis)
    slice_bytes = ours.outer * ours.inner
    if not slice_bytes or slice_bytes * count > MAX_BYTES or ours.count >= 1 << 32:
        raise CorruptError("the payload's slices make no sense")
    return axis, count, size
