"""Recipe: a value that a program computes from other values, such as the average of two models."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from git_theta.codecs.frames import CHUNK
from git_theta.errors import CorruptError
from git_theta.model.tensor import TensorSpec
from git_theta.updates.base import Input, Pieces
from git_theta.updates.demand import Demand, ReadPayload
from git_theta.updates.payload import HEADER_WORK, MAX_LONG_HEADER, pack_header, unpack
from git_theta.updates.program import Program
from git_theta.updates.program_machine import evaluate
from git_theta.updates.rechunk import rechunk
from git_theta.updates.rounding import COMPUTABLE, round_to, widen

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


#: Bytes of a recipe that's remembered after it was read: thousands of small parameters may share one.
_SHORT = 1 << 12


class Recipe:
    """A value whose elements are computed from the elements of others, of the same dtype and shape.

    The payload has no shape, so that all parameters that were merged in one way share it.
    """

    name = "recipe"

    def encode_with(self, program: Program, dtype: str) -> bytes:
        """The payload that stores a program.

        Args:
            program: The program; its inputs have the numbers of the source's inputs.
            dtype: Dtype of the value and the inputs, one of `COMPUTABLE`.
        """
        return pack_header({"update": self.name, "dtype": dtype, "program": program.field()})

    def demand(self, payload: ReadPayload, inputs: int, nbytes: int) -> Demand:
        """The program's steps on all elements, and a chunk of each input."""
        data = payload()
        program, _, count = self._parse(data, inputs, nbytes)
        # A recipe is nothing but its header.
        reading = HEADER_WORK * len(data or b"")
        conversions = (inputs + 1) * (nbytes + 4 * count)
        chunks = inputs * min(3 * CHUNK, 16 * nbytes)
        return Demand(
            (nbytes,) * inputs, program.work(count) + conversions + reading, program.memory(count) + chunks
        )

    def decode(self, payload: memoryview | None, inputs: Sequence[Input], nbytes: int) -> Pieces:
        """Block by block: the program's results, rounded once."""
        program, dtype, count = self._parse(payload, len(inputs), nbytes)
        block = program.block
        streams = [blocks(each, dtype, nbytes, block) for each in inputs]
        for numbers in evaluate(program, streams, count, block):
            yield round_to(numbers, dtype).data.cast("B")

    def _parse(self, payload: memoryview | None, inputs: int, nbytes: int) -> tuple[Program, str, int]:
        """The program, the value's dtype, and its number of elements, of which a complex number is two.

        Raises:
            CorruptError: The payload isn't a recipe of so many inputs for a value of that size.
        """
        if payload is None:
            raise CorruptError(f"an update of kind {self.name!r} has a payload")
        short = len(payload) <= _SHORT
        program, dtype = _parse_short(bytes(payload)) if short else _parse_payload(payload)
        if program.inputs != inputs:
            raise CorruptError(f"the payload's program has {program.inputs} inputs, not {inputs}")
        item = TensorSpec(dtype, ())
        if nbytes % item.item_size:
            raise CorruptError(f"the payload is of values of {dtype}, not of {nbytes} bytes")
        return program, dtype, nbytes // item.word_size


def _parse_payload(payload: memoryview) -> tuple[Program, str]:
    """The program and the dtype of a payload.

    Raises:
        CorruptError: The payload isn't a recipe.
    """
    header, body = unpack(payload, MAX_LONG_HEADER)
    dtype = header.get("dtype")
    if header.get("update") != Recipe.name or dtype not in COMPUTABLE or len(body):
        raise CorruptError("the payload isn't of a recipe")
    return Program.parse(header.get("program")), dtype


@lru_cache(maxsize=64)
def _parse_short(payload: bytes) -> tuple[Program, str]:
    return _parse_payload(memoryview(payload))


def blocks(read: Input, dtype: str, nbytes: int, size: int) -> Iterator[NDArray[np.float64]]:
    """The elements of a value as float64, flat, in blocks; each is valid until the next is asked for.

    Args:
        read: Gives the value's bytes.
        dtype: Dtype of the value, one of `COMPUTABLE`; a complex number is two elements.
        nbytes: Size of the value in bytes.
        size: Elements of a block but the last, a power of two below 2^17.

    Raises:
        CorruptError: The value has another size.
    """
    import numpy as np

    word = TensorSpec(dtype, ()).word_size
    out = np.empty(min(size, nbytes // word))
    for chunk in rechunk(read(nbytes), CHUNK, nbytes):
        words = np.frombuffer(chunk, f"<u{word}")
        for at in range(0, len(words), size):
            block = words[at : at + size]
            yield widen(block, dtype, out[: len(block)])
