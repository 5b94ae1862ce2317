"""Arrange: a value made of others' elements in other places, such as a transposed or a fused matrix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from git_theta.codecs.frames import CHUNK
from git_theta.errors import CorruptError
from git_theta.model.tensor import MAX_BYTES, TensorSpec
from git_theta.updates.base import Base, Input, Pieces, read_part
from git_theta.updates.demand import Demand, ReadPayload
from git_theta.updates.payload import HEADER_WORK, MAX_LONG_HEADER, typed_header, unpack_typed
from git_theta.updates.rechunk import rechunk
from git_theta.updates.strided_copy import StridedCopy, parse_copy

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

#: Bytes of the value that are put together at a time. A longer value goes through its inputs several times.
_WINDOW = 32 << 20

#: Largest number of inputs and of copies.
MAX_COPIES = 10_000

#: Work for each element that is copied, for each part of a copy, and for a copy in each window.
_ELEMENT_WORK = 12
_PART_WORK = 20_000
_SKIP_WORK = 2_000

#: Types of elements that numpy copies quickly, by their size in bytes.
_UNSIGNED = {1: "u1", 2: "<u2", 4: "<u4", 8: "<u8"}

#: Bytes for a copy that was read from the header, with what is computed of it.
_COPY_MEMORY = 2 << 10


@dataclass(frozen=True, slots=True)
class Arrangement:
    """The inputs' part in a value.

    Attributes:
        copies: For each input, the blocks of elements that come from it; no two of all write one element.
        counts: Number of elements of each input.
    """

    copies: tuple[tuple[StridedCopy, ...], ...]
    counts: tuple[int, ...]


class Arrange:
    """A value made of blocks of others of the same dtype; elements that no block gives are zero."""

    name = "arrange"

    def encode_arrangement(self, arrangement: Arrangement, spec: TensorSpec) -> bytes:
        """The payload that makes a value of an arrangement's inputs."""
        return typed_header(
            self.name,
            spec,
            inputs=list(arrangement.counts),
            copies=[[copy.field() for copy in copies] for copies in arrangement.copies],
        )

    def demand(self, payload: ReadPayload, inputs: int, nbytes: int) -> Demand:
        """The inputs, once for each window of the value that they have a part in."""
        data = payload()
        spec, arrangement = _parse(data, inputs, nbytes)
        window = _window(spec)
        windows_of_all = -(-spec.count // window)
        work, passes, number = HEADER_WORK * len(data or b""), 1, 0
        for copies, count in zip(arrangement.copies, arrangement.counts, strict=True):
            touched = 0
            for copy in copies:
                windows = (copy.target_end - 1) // window - copy.target // window + 1
                chunks = (copy.source_end - copy.source) * spec.item_size // CHUNK + 2
                parts = windows * chunks * (2 * len(copy.dimensions) + 1)
                work += _ELEMENT_WORK * copy.count + _PART_WORK * (parts if windows * chunks > 2 else 2)
                touched += windows
            number += len(copies)
            work += _SKIP_WORK * windows_of_all * len(copies)
            passes = max(passes, min(touched, windows_of_all))
            # Each input's bytes are counted by its own weight; here they're cut into chunks.
            work += passes * count * spec.item_size
        sizes = tuple(count * spec.item_size for count in arrangement.counts)
        memory = min(nbytes, _WINDOW) + 2 * CHUNK + _COPY_MEMORY * number
        return Demand(sizes, work + 2 * nbytes, memory, passes, in_turn=True)

    def decode(self, payload: memoryview | None, inputs: Sequence[Input], nbytes: int) -> Pieces:
        """Window by window: zeros, and over them the blocks, in the order of the inputs' bytes."""
        import numpy as np

        spec, arrangement = _parse(payload, len(inputs), nbytes)
        word = _UNSIGNED.get(spec.item_size, f"V{spec.item_size}")
        size = _window(spec)
        buffer = np.zeros(min(size, spec.count), word)
        for start in range(0, spec.count, size):
            window = buffer[: min(size, spec.count - start)]
            if start:
                window.view("u1")[:] = 0
            end = start + len(window)
            for read, copies, count in zip(inputs, arrangement.copies, arrangement.counts, strict=True):
                parts = [part for copy in copies for part in copy.within_target(start, end)]
                if parts:
                    _fill(window, start, parts, read, count * spec.item_size)
            yield window.view("u1").data


def _window(spec: TensorSpec) -> int:
    """Elements of a window."""
    return _WINDOW // spec.item_size


def _fill(window: NDArray[Any], start: int, parts: Sequence[StridedCopy], read: Input, nbytes: int) -> None:
    """Copy parts of an input into a window of the value.

    Args:
        window: Elements of the value.
        start: Index of the first one.
        parts: What to copy; all of it is in the window.
        read: Gives the input's bytes.
        nbytes: Size of the input in bytes.
    """
    import numpy as np

    firsts = np.array([part.source for part in parts])
    ends = np.array([part.source_end for part in parts])
    position, item = int(firsts.min()), window.itemsize
    begin, end = position * item, int(ends.max()) * item
    for piece in rechunk(read_part(read, nbytes, begin, end), CHUNK // item * item, end - begin):
        chunk = np.frombuffer(piece, window.dtype)
        for at in map(int, np.flatnonzero((firsts < position + len(chunk)) & (ends > position))):
            for part in parts[at].within_source(position, position + len(chunk)):
                counts = tuple(each.size for each in part.dimensions)
                taken = [each.source_step for each in part.dimensions]
                given = [each.target_step for each in part.dimensions]
                elements = _view(chunk, part.source - position, counts, taken)
                _view(window, part.target - start, counts, given)[...] = elements
        position += len(chunk)


def _view(elements: NDArray[Any], first: int, counts: tuple[int, ...], steps: Sequence[int]) -> NDArray[Any]:
    """Elements at regular steps; an index outside of the array is a ValueError."""
    import numpy as np

    item = elements.itemsize
    return np.ndarray(counts, elements.dtype, elements, first * item, tuple(step * item for step in steps))


def _parse(payload: memoryview | None, inputs: int, nbytes: int) -> tuple[TensorSpec, Arrangement]:
    """The value's type, and what the inputs give.

    Raises:
        CorruptError: The payload is no arrangement of so many inputs, or one of a value of another size.
    """
    spec, header, body = unpack_typed(Arrange.name, payload, nbytes, MAX_LONG_HEADER)
    counts, copies = header.get("inputs"), header.get("copies")
    if (
        len(body)
        or not isinstance(counts, list)
        or not isinstance(copies, list)
        or not len(counts) == len(copies) == inputs
        or not all(type(count) is int and 0 < count <= MAX_BYTES // spec.item_size for count in counts)
        or not all(isinstance(each, list) for each in copies)
        or not 0 < sum(map(len, copies)) <= MAX_COPIES
        or inputs > MAX_COPIES
    ):
        raise CorruptError(f"the payload is no arrangement of {inputs} inputs")
    parsed = (
        tuple(parse_copy(numbers, count, spec.count) for numbers in each)
        for each, count in zip(copies, counts, strict=True)
    )
    return spec, Arrangement(tuple(parsed), tuple(counts))


def arranged(bases: Sequence[Base], arrangement: Arrangement, spec: TensorSpec) -> Base:
    """The value that an arrangement makes of its inputs.

    Args:
        bases: The inputs, of the value's dtype.
        arrangement: What they give.
        spec: Dtype and shape of the value.
    """
    payload = memoryview(Arrange().encode_arrangement(arrangement, spec))
    return Base(spec, partial(Arrange().decode, payload, [base.read for base in bases]))
