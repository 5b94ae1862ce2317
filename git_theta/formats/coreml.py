"""Core ML's weights (`weight.bin` of ML programs): a header, then a record and elements of each weight."""

from __future__ import annotations

import struct

from git_theta.errors import FormatError
from git_theta.formats.base import Located, Tensor
from git_theta.model.tensor import BLOCKS, ITEM_SIZE, TensorSpec

#: Number of weights, and version of the format; the rest of 64 bytes has no meaning.
_HEADER = struct.Struct("<II56x")

#: A mark, number of the type, bytes of elements, their position, and bits after the last one. These bits have
#: a meaning for packed types only: older writers have left anything there, and in the rest.
_RECORD = struct.Struct("<IIQQQ32x")
_MARK = 0xDEADBEEF
_VERSION = 2
_ALIGNMENT = 64

#: Weights of a file.
_MAX_WEIGHTS = 100_000

#: Dtype by number. Others have 1, 3 or 6 bits: 9, 12 and 13.
DTYPES = {
    1: "F16",
    2: "F32",
    3: "U8",
    4: "I8",
    5: "BF16",
    6: "I16",
    7: "U16",
    8: "I4",
    10: "U2",
    11: "U4",
    14: "I32",
    15: "U32",
    16: "F8_E4M3",
    17: "F8_E5M2",
}


class CoreMl:
    """Weights of a Core ML package, of version 2.

    Names and shapes are in the model, which is in another folder: weights are vectors here, and have numbers
    in the order of the file.
    """

    name = "coreml"

    def matches(self, data: memoryview) -> bool:
        """The version, and the mark of the first weight, whose elements are aligned."""
        if len(data) < _HEADER.size + _RECORD.size:
            return False
        count, version = _HEADER.unpack_from(data)
        mark, _, _, start, _ = _RECORD.unpack_from(data, _HEADER.size)
        return bool(count) and (version, mark, start % _ALIGNMENT) == (_VERSION, _MARK, 0)

    def locate(self, data: memoryview) -> Located:
        """Go from record to record; elements follow theirs, aligned to 64 bytes."""
        count, _ = _HEADER.unpack_from(data)
        if count > _MAX_WEIGHTS:
            raise FormatError(f"it has more than {_MAX_WEIGHTS:,} weights")
        tensors, position = [], _HEADER.size
        for number in range(count):
            if position + _RECORD.size > len(data):
                raise FormatError(f"the file ends before weight {number}")
            mark, kind, size, start, padding = _RECORD.unpack_from(data, position)
            if mark != _MARK:
                raise FormatError(f"no weight begins at byte {position}")
            if start < position + _RECORD.size or start + size > len(data):
                raise FormatError(f"weight {number} is outside the file, or before its record")
            spec = _spec(kind, size, padding)
            if spec:
                tensors.append(Tensor(str(number), spec, start))
            position = -(-(start + size) // _ALIGNMENT) * _ALIGNMENT
        return Located(tuple(tensors))


def _spec(kind: int, size: int, padding: int) -> TensorSpec | None:
    """Dtype and number of elements; `None` if they aren't whole elements of a known type."""
    dtype = DTYPES.get(kind)
    if dtype is None or (dtype in BLOCKS and padding):
        return None
    elements, block = BLOCKS.get(dtype) or (1, ITEM_SIZE[dtype])
    return None if size % block else TensorSpec(dtype, (size // block * elements,))
