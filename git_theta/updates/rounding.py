"""Rounding: machine words to float64 and back, with the same bits on every machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from git_theta.model.tensor import TensorSpec, numpy_dtype

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

    native = _native(words, dtype)
    # A signalling NaN becomes a quiet one, which isn't worth a warning.
    with np.errstate(invalid="ignore"):
        if out is None:
            return native.astype(np.float64)
        np.copyto(out, native)
        return out


def _native(words: Words, dtype: str) -> NDArray[np.floating[Any]]:
    """The words as numbers of a type that numpy converts."""
    if dtype == "BF16":
        return (words.astype("<u4") << 16).view("<f4")
    return words.view(_NATIVE.get(dtype) or numpy_dtype(dtype))


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


def round_to(numbers: NDArray[np.floating[Any]], dtype: str) -> Words:
    """The nearest machine words of a dtype, ties to even; of `BF16` and 8-bit floats by way of float32.

    Args:
        numbers: float64 or float32, flat.
        dtype: One of `COMPUTABLE`.
    """
    import numpy as np

    with np.errstate(over="ignore", invalid="ignore"):
        if dtype.startswith("F8"):
            return numbers.astype("<f4", copy=False).astype(numpy_dtype(dtype)).view("u1")
        if dtype != "BF16":
            native = _NATIVE[dtype]
            return numbers.astype(native).view(f"<u{np.dtype(native).itemsize}")
        single = np.ascontiguousarray(numbers, "<f4")
        bits = single.view("<u4")
        sums = bits >> 16
        sums &= 1
        sums += 0x7FFF
        sums += bits
        rounded = sums.view("<u2")[1::2].copy()
        # Adding to the bits of a NaN would make it an infinity.
        nan = np.isnan(single)
        if nan.any():
            rounded[nan] = (bits[nan] >> 16).astype("<u2") | np.uint16(0x40)
        return rounded


def convert(words: Words, source: str, dtype: str) -> Words:
    """The words of one dtype as the nearest words of another; see `round_to`.

    The bits of a NaN would differ between machines: each becomes the one of `numpy.nan` and no sign. But
    bfloat16 is the beginning of float32, whatever its bits mean.

    Args:
        words: Machine words, flat; a complex number is two.
        source: Their dtype, one of `COMPUTABLE`.
        dtype: The wanted dtype, one of `COMPUTABLE`.
    """
    import numpy as np

    numbers = _native(words, source)
    if (source, dtype) == ("BF16", "F32"):
        return numbers.view("<u4")
    if numbers.dtype.kind != "f" or numbers.dtype.itemsize == 1:
        # Extension types convert to float32 only, which has all of their numbers.
        numbers = numbers.astype("<f4")
    rounded = round_to(numbers, dtype)
    nan = np.isnan(numbers)
    if nan.any():
        rounded[nan] = _nan(dtype)
    return rounded


def _nan(dtype: str) -> int:
    """The word of a NaN, the same on every machine."""
    if dtype in _NATIVE:
        return {2: 0x7E00, 4: 0x7FC00000, 8: 0x7FF8000000000000}[TensorSpec(dtype, ()).word_size]
    return {"BF16": 0x7FC0, "F8_E4M3": 0x7F, "F8_E5M2": 0x7E}.get(dtype, 0x80)


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
