"""Steps: small values that lie close to others of the same dtype and shape, as a bundle of their differences.

As a delta, but the differences of many values are coded together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from git_theta.codecs.packed import PackedReader, PackedWriter
from git_theta.errors import CorruptError
from git_theta.model.tensor import TensorSpec
from git_theta.updates.base import Input, Pieces, single_input
from git_theta.updates.bundle import MAX_BUNDLE, Bundle, check_bundle_size
from git_theta.updates.demand import Demand, ReadPayload, streaming
from git_theta.updates.ordered import advance, by_exponent, difference, is_ordered
from git_theta.updates.payload import parse_typed, typed_header
from git_theta.updates.whole_value import whole_value

if TYPE_CHECKING:
    from git_theta.updates.base import Words


class Steps:
    """A small value whose differences from its base share a payload with those of others."""

    name = "steps"
    base_count = 1

    def encode_bundle(self, steps: Words, dtype: str) -> bytes:
        """The payload of many values.

        Args:
            steps: The steps of all values, as `steps_between` gives them; at most `MAX_BUNDLE` bytes.
            dtype: Dtype of the values.
        """
        spec = TensorSpec(dtype, (steps.nbytes // TensorSpec(dtype, ()).item_size,))
        writer = PackedWriter(steps.itemsize, len(steps), literals=is_ordered(spec))
        return b"".join((typed_header(self.name, spec), *writer.frames(steps)))

    def demand(self, payload: ReadPayload, inputs: int, nbytes: int) -> Demand:
        """The base, the steps and their order."""
        return streaming(inputs, nbytes, work=4, memory=32 * MAX_BUNDLE)

    def open_bundle(self, payload: memoryview) -> Bundle:
        """The steps of all values."""
        import numpy as np

        spec, _, body = parse_typed(self.name, payload)
        check_bundle_size(spec.nbytes)
        steps = np.empty(spec.nbytes // spec.word_size, f"<u{spec.word_size}")
        reader = PackedReader(body)
        reader.read(steps)
        reader.end()
        return Bundle(spec, steps.data.cast("B"))

    def decode_bundled(
        self, bundle: Bundle, places: Sequence[int], bases: Sequence[memoryview], nbytes: int
    ) -> list[memoryview]:
        """The bases with the steps applied, which are in the order of each base's exponents."""
        import numpy as np

        spec = bundle.spec
        for place in places:
            if nbytes % spec.item_size or place % spec.word_size:
                raise CorruptError(
                    f"the payload is of values of {spec.dtype}, not of {nbytes} bytes at {place}"
                )
        if not nbytes:
            return [memoryview(b"") for _ in places]
        kind, shape = f"<u{spec.word_size}", (len(places), nbytes // spec.word_size)
        steps = np.frombuffer(b"".join(bundle.part(place, nbytes) for place in places), kind).reshape(shape)
        base = np.frombuffer(b"".join(bases), kind).reshape(shape)
        order = by_exponent(base, spec.dtype)
        if order is not None:
            placed = np.empty_like(steps)
            np.put_along_axis(placed, order, steps, axis=-1)
            steps = placed
        data = advance(base, steps, is_ordered(spec)).reshape(-1).data.cast("B")
        return [data[start : start + nbytes] for start in range(0, len(data), nbytes)]

    def decode(self, payload: memoryview | None, inputs: Sequence[Input], nbytes: int) -> Pieces:
        """The value of a bundle that has no other."""
        if payload is None:
            raise CorruptError(f"an update of kind {self.name!r} has a payload")
        bundle = self.open_bundle(payload)
        if len(bundle.data) != nbytes:
            raise CorruptError(f"the payload is of values of {len(bundle.data)} bytes, not {nbytes}")
        base = whole_value(single_input(inputs, self.name), nbytes)
        return iter(self.decode_bundled(bundle, [0], [base], nbytes))


def steps_between(values: Words, bases: Words, dtype: str) -> Words:
    """The zig-zag steps from bases to values, each value's in stable order of its base's exponents.

    Args:
        values: Machine words, an array of values by words.
        bases: Words of the same shape.
        dtype: Dtype of all values.
    """
    import numpy as np

    steps = difference(values, bases, is_ordered(TensorSpec(dtype, ())))
    order = by_exponent(bases, dtype)
    return steps if order is None else np.take_along_axis(steps, order, axis=-1)
