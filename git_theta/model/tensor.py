"""Tensor types: dtypes, under the names of safetensors, and shapes."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from git_theta.errors import PackedValueError

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

#: Elements and bytes of a block by packed dtype. Elements aren't whole bytes, or share the scales of their
#: block: nothing is computed with them. The names are those of safetensors and of GGUF, or like these.
BLOCKS = {
    "I2": (4, 1),
    "U2": (4, 1),
    "I4": (2, 1),
    "U4": (2, 1),
    "F4": (2, 1),
    "F6_E2M3": (4, 3),
    "F6_E3M2": (4, 3),
    "Q1_0": (128, 18),
    "Q2_0": (64, 18),
    "Q4_0": (32, 18),
    "Q4_1": (32, 20),
    "Q5_0": (32, 22),
    "Q5_1": (32, 24),
    "Q8_0": (32, 34),
    "Q8_1": (32, 40),
    "Q2_K": (256, 84),
    "Q3_K": (256, 110),
    "Q4_K": (256, 144),
    "Q5_K": (256, 176),
    "Q6_K": (256, 210),
    "Q8_K": (256, 292),
    "IQ1_S": (256, 50),
    "IQ1_M": (256, 56),
    "IQ2_XXS": (256, 66),
    "IQ2_XS": (256, 74),
    "IQ2_S": (256, 82),
    "IQ3_XXS": (256, 98),
    "IQ3_S": (256, 110),
    "IQ4_NL": (32, 18),
    "IQ4_XS": (256, 136),
    "TQ1_0": (256, 54),
    "TQ2_0": (256, 66),
    "MXFP4": (32, 17),
    "NVFP4": (64, 36),
}

#: Packed dtypes whose blocks hold the scales of their elements: those of 32 elements and more.
SCALED_BLOCKS = frozenset(name for name, (elements, _) in BLOCKS.items() if elements >= 32)

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
        dtype: A key of `ITEM_SIZE` or of `BLOCKS`.
        shape: Sizes of the dimensions, outermost first; `()` for a scalar.
        nbytes: Bytes of the logical, C-contiguous value.

    Raises:
        ValueError: The dtype is unknown, a size is negative, the elements aren't whole blocks, or the total
            is absurd.
    """

    dtype: str
    shape: tuple[int, ...]
    # Computed once: it's needed ten times for each of thousands of tensors.
    nbytes: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.dtype not in ITEM_SIZE and self.dtype not in BLOCKS:
            raise ValueError(f"unknown dtype {self.dtype!r:.40}")
        if len(self.shape) > MAX_DIMENSIONS:
            raise ValueError(f"{len(self.shape)} dimensions; at most {MAX_DIMENSIONS} are possible")
        if any(size < 0 for size in self.shape):
            raise ValueError(f"negative size in shape {list(self.shape)}")
        nbytes = self._nbytes()
        # The other sizes of an empty tensor count too: numpy's limit is for them as well.
        if (nbytes or math.prod(filter(None, self.shape))) > MAX_BYTES:
            raise ValueError(f"shape {list(self.shape)} is larger than any file")
        object.__setattr__(self, "nbytes", nbytes)

    def _nbytes(self) -> int:
        if not self.is_packed:
            return self.count * ITEM_SIZE[self.dtype]
        elements, size = BLOCKS[self.dtype]
        blocks, rest = divmod(self.count, elements)
        if rest:
            raise ValueError(f"{self.count:,} elements of {self.dtype} aren't whole blocks of {elements}")
        return blocks * size

    @property
    def count(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    def is_reshaped(self, other: TensorSpec) -> bool:
        """Whether the other type has the same elements in equal or another shape: the bytes may be equal."""
        return self.dtype == other.dtype and self.count == other.count

    @property
    def is_packed(self) -> bool:
        """Whether only blocks of elements are whole bytes."""
        return self.dtype in BLOCKS

    @property
    def as_bytes(self) -> TensorSpec:
        """The type by which a value is stored and compared: of a packed one, the bytes of each row."""
        if not self.is_packed:
            return self
        elements, size = BLOCKS[self.dtype]
        if self.shape and self.shape[-1] % elements == 0:
            return TensorSpec("U8", (*self.shape[:-1], self.shape[-1] // elements * size))
        return TensorSpec("U8", (self.nbytes,))

    @property
    def item_size(self) -> int:
        """Bytes per element.

        Raises:
            PackedValueError: The dtype is packed.
        """
        if self.is_packed:
            raise PackedValueError(f"values of {self.dtype} are packed: their elements aren't looked at")
        return ITEM_SIZE[self.dtype]

    @property
    def word_size(self) -> int:
        """Bytes per machine word: the part of a complex number, a packed value's byte, else the element."""
        return 1 if self.is_packed else _COMPLEX_PART.get(self.dtype, ITEM_SIZE[self.dtype])

    @property
    def strides(self) -> tuple[int, ...]:
        """Byte strides of the C-contiguous value.

        Raises:
            PackedValueError: The dtype is packed.
        """
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
