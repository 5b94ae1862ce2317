"""Rounding: machine words to float64 and back, with the same bits on every machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from git_theta.model.tensor import numpy_dtype

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from git_theta.updates.base import Words

#: Float dtypes of values that updates add to and multiply.
ARITHMETIC = ("F32", "BF16", "F16", "F64")

#: Dtypes that recipes compute with: all but `F8_E8M0` and integers; complex numbers by their two parts.
COMPUTABLE = (*ARITHMETIC, "C32", "C64", "C128", "F8_E4M3", "F8_E5M2", "F8_E4M3FNUZ", "F8_E5M2FNUZ")

_NATIVE = {"F32": "<f4", "F16": "<f2", "F64": "<f8", "C32": "<f2", "C64": "<f4", "C128": "<f8"}


def widen(words: Words, dtype: str, out: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
    """The words' values as float64, exactly.

    Args:
        words: Machine words, flat; a complex number is two.
        dtype: Their dtype, one of `COMPUTABLE`.
        out: Array of the same length to write to; `None` for a new one.
    """
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


def largest(dtype: str) -> float:
    """The largest finite number of a dtype, one of `COMPUTABLE`; of a complex one, of its parts."""
    import numpy as np

    if dtype in _NATIVE:
        return float(np.finfo(_NATIVE[dtype]).max)
    if dtype == "BF16":
        return (2 - 2**-7) * 2.0**127
    import ml_dtypes

    found = ml_dtypes.finfo(numpy_dtype(dtype))  # type: ignore[no-untyped-call]
    return float(found.max)


def round_to(numbers: NDArray[np.float64], dtype: str) -> Words:
    """The nearest machine words of a dtype, ties to even; of `BF16` and 8-bit floats by way of float32.

    Args:
        numbers: float64, flat.
        dtype: One of `COMPUTABLE`.
    """
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


def add_nonzero(words: Words, moves: NDArray[np.float64], dtype: str) -> Words:
    """The words with numbers added in float64 and rounded once; where a number is 0, the word as it is.

    Adding zero would change the sign of a negative zero.

    Args:
        words: Machine words, flat.
        moves: float64, as many.
        dtype: One of `ARITHMETIC`.
    """
    moved = moves != 0
    result = words.copy()
    result[moved] = round_to(widen(words[moved], dtype) + moves[moved], dtype)
    return result
