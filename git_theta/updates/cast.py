"""Cast: a value in another float dtype, such as the bfloat16 copy of a float32 model."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from git_theta.errors import CorruptError
from git_theta.model.tensor import TensorSpec
from git_theta.updates.base import Base, Input, Payload, Pieces, single_input
from git_theta.updates.demand import Demand, ReadPayload
from git_theta.updates.payload import pack_header, unpack
from git_theta.updates.rechunk import rechunk
from git_theta.updates.rounding import COMPUTABLE, convert

#: Elements that are converted at a time.
_BLOCK = 1 << 17

#: Work for each element: words to numbers and back.
_WORK = 8


class Cast:
    """A value whose elements are those of another value, rounded to the value's dtype.

    The payload has no shape, so that all parameters of a model share it.
    """

    name = "cast"

    def accepts(self, spec: TensorSpec, base: TensorSpec) -> bool:
        """Whether both are values of as many floats, or of as many complex numbers, in two dtypes."""
        return (
            spec.dtype != base.dtype
            and spec.dtype in COMPUTABLE
            and base.dtype in COMPUTABLE
            and spec.dtype.startswith("C") == base.dtype.startswith("C")
            and spec.count == base.count > 0
        )

    def encode(self, value: memoryview, spec: TensorSpec, base: Base) -> Payload:
        """The two dtypes."""
        yield self.encode_between(base.spec.dtype, spec.dtype)

    def encode_between(self, source: str, dtype: str) -> bytes:
        """The payload that makes values of one dtype of values of another.

        Args:
            source: Dtype of the base, one of `COMPUTABLE`.
            dtype: Dtype of the value, another one.
        """
        return pack_header({"update": self.name, "dtype": dtype, "from": source})

    def demand(self, payload: ReadPayload, inputs: int, nbytes: int) -> Demand:
        """A block of elements in both dtypes, and as numbers."""
        _, item, count = self._parse(payload(), nbytes)
        size = count * item.item_size
        return Demand((size,) * inputs, _WORK * max(size, nbytes), min(64 * _BLOCK, 32 * (size + nbytes)))

    def decode(self, payload: memoryview | None, inputs: Sequence[Input], nbytes: int) -> Pieces:
        """The elements of the base, block by block, each rounded once."""
        import numpy as np

        base = single_input(inputs, self.name)
        dtype, item, count = self._parse(payload, nbytes)
        size = count * item.item_size
        for chunk in rechunk(base(size), _BLOCK * item.item_size, size):
            words = np.frombuffer(chunk, f"<u{item.word_size}")
            yield convert(words, item.dtype, dtype).data.cast("B")

    def _parse(self, payload: memoryview | None, nbytes: int) -> tuple[str, TensorSpec, int]:
        """The value's dtype, the type of an element of the base, and the number of elements.

        Raises:
            CorruptError: The payload isn't a cast to a value of that size.
        """
        if payload is None:
            raise CorruptError(f"an update of kind {self.name!r} has a payload")
        header, body = unpack(payload)
        dtype, source = header.get("dtype"), header.get("from")
        if header.get("update") != self.name or len(body) or dtype not in COMPUTABLE:
            raise CorruptError("the payload isn't of a cast")
        value_item = TensorSpec(dtype, ())
        count, rest = divmod(nbytes, value_item.item_size)
        if source not in COMPUTABLE or not self.accepts(value_item, TensorSpec(source, ())):
            raise CorruptError("the payload's cast is between types that aren't two floats")
        if rest:
            raise CorruptError(f"the payload is of values of {dtype}, not of {nbytes} bytes")
        return dtype, TensorSpec(source, ()), count


def cast_to(base: Base, dtype: str) -> Base:
    """The base in a dtype that it can be cast to; itself if it can't, or has the dtype already."""
    spec, cast = TensorSpec(dtype, base.spec.shape), Cast()
    if not cast.accepts(spec, base.spec):
        return base
    payload = memoryview(cast.encode_between(base.spec.dtype, dtype))
    return Base(spec, partial(cast.decode, payload, (base.read,)))
