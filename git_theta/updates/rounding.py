"""Rounding: machine words to float64 and back, by steps that give the same bits everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from git_theta.model.tensor import numpy_dtype

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from git_theta.updates.base import Words

#: Dtypes that arithmetic is done in.
ARITHMETIC = ("F32", "BF16", "F16", "F64")

#: Dtypes whose elements, or parts of complex ones, can be computed with.
COMPUTABLE = (*ARITHMETIC, "C32", "C64", "C128", "F8_E4M3", "F8_E5M2", "F8_E4M3FNUZ", "F8_E5M2FNUZ")

_NATIVE = {"F32": "<f4", "F16": "<f2", "F64": "<f8", "C32": "<f2", "C64": "<f4", "C128": "<f8"}


def widen(words: Words, dtype: str, out: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
    """The numbers that the words are, exactly, as float64: in `out`, or in an array of their own."""
    import numpy as np

    native: NDArray[np.floating[Any]]
    if dtype == "BF16":
        native = (words.astype("<u4") << 16).view("<f4")
    else:
        native = words.view(_NATIVE.get(dtype) or numpy_dtype(dtype))
    # A signalling NaN becomes a quiet one, which isn't worth a warning.
    with np.errstate(invalid="ignore"):
        if out is None:
            return native.astype(np.float64)
        np.copyto(out, native)
        return out


def round_to(numbers: NDArray[np.float64], dtype: str) -> Words:
    """The nearest words of a dtype, ties to even; bfloat16 and floats of 8 bits by way of float32."""
    import numpy as np

    with np.errstate(over="ignore", invalid="ignore"):
        if dtype.startswith("F8"):
            return numbers.astype("<f4").astype(numpy_dtype(dtype)).view("u1")
        if dtype != "BF16":
            native = _NATIVE[dtype]
            return numbers.astype(native).view(f"<u{np.dtype(native).itemsize}")
        bits = numbers.astype("<f4").view("<u4")
        odd = (bits >> 16) & 1
        rounded = ((bits + odd + 0x7FFF) >> 16).astype("<u2")
        # Adding to the bits of a NaN would make it an infinity.
        nan = (bits & 0x7FFFFFFF) > 0x7F800000
        return np.where(nan, (bits >> 16).astype("<u2") | np.uint16(0x40), rounded)
