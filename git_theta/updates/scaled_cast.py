"""Scaled cast: a value divided by scales and rounded to few bits, such as int8 weights of a float model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from git_theta.codecs.tensor_codec import DEFAULT_CODEC, decode_tensor, encode_tensor
from git_theta.errors import CorruptError
from git_theta.model.tensor import TensorSpec
from git_theta.updates.base import Base, Input, Payload, Pieces, UnsuitableError, single_input
from git_theta.updates.demand import Demand, ReadPayload, block_memory
from git_theta.updates.payload import typed_header, unpack_typed
from git_theta.updates.quantisation import (
    BLOCK,
    CODES,
    PRECISIONS,
    Quantisation,
    as_singles,
    matrix_shape,
    row_blocks,
)
from git_theta.updates.rounding import ARITHMETIC
from git_theta.updates.scale_search import find_scaling

if TYPE_CHECKING:
    from git_theta.updates.base import Words


class ScaledCast:
    """A value that was quantised: numbers by scales, which blocks of rows and columns share."""

    name = "scaled-cast"

    def accepts(self, spec: TensorSpec, base: TensorSpec) -> bool:
        """Whether the value's dtype is one of codes, and the base has as many floats, in equal rows."""
        return (
            spec.dtype in CODES
            and base.dtype in ARITHMETIC
            and len(spec.shape) > 1
            and matrix_shape(spec) == matrix_shape(base)
            and spec.count > 0
        )

    def encode(self, value: memoryview, spec: TensorSpec, base: Base) -> Payload:
        """The scales by which the most codes are as they should be.

        Raises:
            UnsuitableError: Most would be others.
        """
        found = find_scaling(value, spec, base)
        if found is None:
            raise UnsuitableError
        yield self.encode_scaling(*found, spec, base.spec.dtype)

    def encode_scaling(self, scaling: Quantisation, scales: Words, spec: TensorSpec, source: str) -> bytes:
        """The payload for given scales.

        Args:
            scaling: How codes are computed.
            scales: Machine words of the scales.
            spec: Dtype and shape of the value.
            source: Dtype of the base.
        """
        header = typed_header(
            self.name,
            spec,
            **{"from": source},
            block=[scaling.rows, scaling.columns],
            scales=scaling.scales,
            through=scaling.through,
            multiplies=scaling.multiplies,
            codec=DEFAULT_CODEC.name,
        )
        return header + encode_tensor(scales.data.cast("B"), scaling.scales_spec(spec))

    def demand(self, payload: ReadPayload, inputs: int, nbytes: int) -> Demand:
        """Blocks of rows in both dtypes and as float32, and all scales."""
        spec, source, scaling, _, _ = _parse(payload(), nbytes)
        columns = matrix_shape(spec)[1]
        scales = 8 * scaling.scales_spec(spec).count
        size = spec.count * source.item_size
        block = min(max(BLOCK, columns), spec.count)
        return Demand((size,) * inputs, 24 * nbytes + size + scales, scales + block_memory(block, 8))

    def decode(self, payload: memoryview | None, inputs: Sequence[Input], nbytes: int) -> Pieces:
        """Block by block of rows: quotients, rounded."""
        import numpy as np

        read = single_input(inputs, self.name)
        spec, source, scaling, codec, body = _parse(payload, nbytes)
        scales_spec = scaling.scales_spec(spec)
        words = np.frombuffer(decode_tensor(codec, body, scales_spec), f"<u{scales_spec.item_size}")
        scales = as_singles(words, scaling.scales).reshape(scales_spec.shape)
        row = 0
        for numbers in row_blocks(Base(TensorSpec(source.dtype, spec.shape), read)):
            rows = np.arange(row, row + len(numbers))
            row += len(numbers)
            yield scaling.codes(numbers, rows, scales, spec.dtype).data.cast("B")


def _parse(
    payload: memoryview | None, nbytes: int
) -> tuple[TensorSpec, TensorSpec, Quantisation, object, memoryview]:
    """The value's type, the type of an element of the base, the scaling, and codec and bytes of the scales.

    Raises:
        CorruptError: The payload isn't of a scaled cast to a value of that size.
    """
    spec, header, body = unpack_typed(ScaledCast.name, payload, nbytes)
    source, block = header.get("from"), header.get("block")
    if (
        not isinstance(source, str)
        or source not in ARITHMETIC
        or not ScaledCast().accepts(spec, TensorSpec(source, spec.shape))
        or not isinstance(block, list)
        or len(block) != 2
        or not all(type(size) is int and size > 0 for size in block)
        or header.get("scales") not in PRECISIONS
        or header.get("through") not in PRECISIONS
        or not isinstance(header.get("multiplies"), bool)
    ):
        raise CorruptError("the payload isn't of a scaled cast")
    rows, columns = block
    scaling = Quantisation(rows, columns, header["scales"], header["through"], header["multiplies"])
    return spec, TensorSpec(source, ()), scaling, header.get("codec"), body
