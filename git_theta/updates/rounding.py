"""Rounding: machine words to float64 and back, by steps that give the same bits everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from git_theta.updates.base import Words

#: Dtypes that arithmetic is done in.
ARITHMETIC = ("F32", "BF16", "F16", "F64")

_NATIVE = {"F32": "<f4", "F16": "<f2", "F64": "<f8"}


def widen(words: Words, dtype: str) -> NDArray[np.float64]:
    """The numbers that the words are, exactly, as float64 (a view if they're that already)."""
    import numpy as np

    native: NDArray[np.floating[Any]]
    native = (words.astype("<u4") << 16).view("<f4") if dtype == "BF16" else words.view(_NATIVE[dtype])
    # A signalling NaN becomes a quiet one, which isn't worth a warning.
    with np.errstate(invalid="ignore"):
        return native.astype(np.float64)


def round_to(numbers: NDArray[np.float64], dtype: str) -> Words:
    """The nearest words of a dtype, ties to even; bfloat16 by way of float32."""
    import numpy as np

    with np.errstate(over="ignore", invalid="ignore"):
        if dtype != "BF16":
            native = _NATIVE[dtype]
            return numbers.astype(native).view(f"<u{np.dtype(native).itemsize}")
        bits = numbers.astype("<f4").view("<u4")
        odd = (bits >> 16) & 1
        rounded = ((bits + odd + 0x7FFF) >> 16).astype("<u2")
        # Adding to the bits of a NaN would make it an infinity.
        nan = (bits & 0x7FFFFFFF) > 0x7F800000
        return np.where(nan, (bits >> 16).astype("<u2") | np.uint16(0x40), rounded)
