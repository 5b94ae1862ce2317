"""Tensors in ExecuTorch's tables: dtype, sizes, and the order of dimensions in memory."""

from __future__ import annotations

from git_theta.errors import FormatError
from git_theta.formats.flatbuffers import FlatTable
from git_theta.formats.strides import strides_of_order
from git_theta.model.tensor import MAX_DIMENSIONS, TensorSpec

#: The number of a type → dtype.
_DTYPES = {
    0: "U8",
    1: "I8",
    2: "I16",
    3: "I32",
    4: "I64",
    5: "F16",
    6: "F32",
    7: "F64",
    8: "C32",
    9: "C64",
    10: "C128",
    11: "BOOL",
    12: "I8",
    13: "U8",
    14: "I32",
    15: "BF16",
    23: "F8_E5M2",
    24: "F8_E4M3",
    25: "F8_E5M2FNUZ",
    26: "F8_E4M3FNUZ",
    27: "U16",
    28: "U32",
    29: "U64",
}


#: Dtype and shape, and byte strides; `None` for C-contiguous ones.
Described = tuple[TensorSpec, tuple[int, ...] | None]


def read_spec(table: FlatTable, kind: int, sizes: int, order: int) -> Described | None:
    """Dtype and shape of a tensor, and its byte strides unless it's C-contiguous; `None` for a packed type.

    Args:
        table: The table that describes it.
        kind: The number of the field with its type.
        sizes: That of the field with the sizes of the dimensions.
        order: That of the field with the dimensions' order, from the one with the largest stride.

    Raises:
        FormatError: The description is wrong.
    """
    dtype = _DTYPES.get(table.number(kind, "b"))
    if dtype is None:
        return None
    shape = table.numbers(sizes, "i", MAX_DIMENSIONS + 1)
    dimensions = table.numbers(order, "B", MAX_DIMENSIONS + 1) or tuple(range(len(shape)))
    try:
        spec = TensorSpec(dtype, shape)
    except ValueError as error:
        raise FormatError(f"a tensor is described wrongly: {error}") from error
    if sorted(dimensions) != list(range(len(shape))):
        raise FormatError("the order of a tensor's dimensions isn't one")
    return spec, strides_of_order(spec, dimensions)
