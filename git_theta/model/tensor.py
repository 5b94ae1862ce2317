"""Tensor types: dtypes, under the names of safetensors, and shapes."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

#: Bytes of an element by dtype; the names are those of safetensors.
ITEM_SIZE = {
    "BOOL": 1,
    "U8": 1,
    "I8": 1,
    "F8_E4M3": 1,
    "F8_E5M2": 1,
    "F8_E8M0": 1,
    "F8_E4M3FNUZ": 1,
    "F8_E5M2FNUZ": 1,
    "U16": 2,
    "I16": 2,
    "F16": 2,
    "BF16": 2,
    "U32": 4,
    "I32": 4,
    "F32": 4,
    "U64": 8,
    "I64": 8,
    "F64": 8,
    "C32": 4,
    "C64": 8,
    "C128": 16,
}

#: Dtypes whose elements are IEEE-like floats: a sign bit, then the exponent, then the mantissa.
FLOATS = frozenset(name for name in ITEM_SIZE if name.startswith(("F", "B")) and name != "BOOL")

#: Bytes of the real part of an element, by complex dtype.
_COMPLEX_PART = {"C32": 2, "C64": 4, "C128": 8}

_NUMPY = {
    "BOOL": "?",
    "U8": "u1",
    "I8": "i1",
    "U16": "u2",
    "I16": "i2",
    "F16": "f2",
    "U32": "u4",
    "I32": "i4",
    "F32": "f4",
    "U64": "u8",
    "I64": "i8",
    "F64": "f8",
    "C64": "c8",
    "C128": "c16",
}

_ML_DTYPES = {
    "BF16": "bfloat16",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
    "F8_E8M0": "float8_e8m0fnu",
    "F8_E4M3FNUZ": "float8_e4m3fnuz",
    "F8_E5M2FNUZ": "float8_e5m2fnuz",
}

#: Largest number of dimensions, which is numpy's.
MAX_DIMENSIONS = 64

#: Largest tensor in bytes; a file that claims a larger one is damaged or malicious.
MAX_BYTES = 1 << 50


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """Dtype and shape of a tensor.

    Attributes:
        dtype: A key of `ITEM_SIZE`.
        shape: Sizes of the dimensions, outermost first; `()` for a scalar.
        nbytes: Bytes of the logical, C-contiguous value.

    Raises:
        ValueError: The dtype is unknown, a size is negative, or the total is absurd.
    """

    dtype: str
    shape: tuple[int, ...]
    # Computed once: it's needed ten times for each of thousands of tensors.
    nbytes: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.dtype not in ITEM_SIZE:
            raise ValueError(f"unknown dtype {self.dtype!r:.40}")
        if len(self.shape) > MAX_DIMENSIONS:
            raise ValueError(f"{len(self.shape)} dimensions; at most {MAX_DIMENSIONS} are possible")
        if any(size < 0 for size in self.shape):
            raise ValueError(f"negative size in shape {list(self.shape)}")
        nbytes = self.count * self.item_size
        # The other sizes of an empty tensor count too: numpy's limit is for them as well.
        if (nbytes or math.prod(filter(None, self.shape))) > MAX_BYTES:
            raise ValueError(f"shape {list(self.shape)} is larger than any file")
        object.__setattr__(self, "nbytes", nbytes)

    @property
    def count(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    def is_reshaped(self, other: TensorSpec) -> bool:
        """Whether the other type has the same elements in equal or another shape: the bytes may be equal."""
        return self.dtype == other.dtype and self.count == other.count

    @property
    def item_size(self) -> int:
        """Bytes per element."""
        return ITEM_SIZE[self.dtype]

    @property
    def word_size(self) -> int:
        """Bytes per machine word: the part of a complex number, else the element."""
        return _COMPLEX_PART.get(self.dtype, self.item_size)

    @property
    def strides(self) -> tuple[int, ...]:
        """Byte strides of the C-contiguous value."""
        strides, step = [], self.item_size
        for size in reversed(self.shape):
            strides.append(step)
            step *= max(size, 1)
        return tuple(reversed(strides))


def is_bytes(spec: TensorSpec) -> bool:
    """Whether a value is bytes in a row, as those of a file whose format isn't known, or of a layout."""
    return spec.dtype == "U8" and len(spec.shape) == 1


def numpy_dtype(name: str) -> np.dtype[Any]:
    """The little-endian numpy dtype for a dtype name.

    `ml_dtypes` is imported only for the types that numpy lacks. `C32` (complex of two halves)
    has no numpy equivalent and becomes a structured dtype of two `float16` fields.
    """
    import numpy as np

    if name in _NUMPY:
        return np.dtype("<" + _NUMPY[name])
    if name in _ML_DTYPES:
        import ml_dtypes

        extended: np.dtype[Any] = np.dtype(getattr(ml_dtypes, _ML_DTYPES[name]))
        return extended
    return np.dtype([("real", "<f2"), ("imag", "<f2")])
