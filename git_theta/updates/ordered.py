"""Ordered integers: floats as integers of the same order, so that close values have small differences.

The difference of two such integers counts the representable numbers between the two floats. Differences wrap
around, so they're exact for every pair, NaNs and infinities included.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from git_theta.model.tensor import FLOATS, TensorSpec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from git_theta.updates.base import Words

#: Bits of the mantissa by dtype. Shifted right by as many, the low byte of a word is its
#: exponent, or most of it.
_MANTISSA = {"F32": 23, "BF16": 7, "F16": 10, "F64": 52, "C32": 10, "C64": 23, "C128": 52}

#: Bits of magnitude by which words are sorted finely.
_FINE = 16


def is_ordered(spec: TensorSpec) -> bool:
    """Whether the machine words of a dtype are floats, which complex numbers consist of."""
    return spec.dtype in FLOATS or spec.dtype.startswith("C")


def difference(value: Words, base: Words, floats: bool) -> Words:
    """The number of steps from base to value, zig-zag coded: small distances are small numbers.

    Args:
        value: Machine words, flat.
        base: As many words.
        floats: Whether the words are floats; see `is_ordered`.
    """
    import numpy as np

    steps = np.subtract(ordered(value), ordered(base)) if floats else np.subtract(value, base)
    sign = _sign(steps)
    np.left_shift(steps, 1, out=steps)
    return np.bitwise_xor(steps, sign, out=steps)


def advance(base: Words, steps: Words, floats: bool) -> Words:
    """The inverse of `difference`: the words that lie the given zig-zag coded steps from the base."""
    import numpy as np

    sign = np.negative(np.bitwise_and(steps, 1))
    moves = np.right_shift(steps, 1)
    np.bitwise_xor(moves, sign, out=moves)
    if not floats:
        return np.add(moves, base, out=moves)
    np.add(moves, ordered(base), out=moves)
    # The mapping is its own inverse: it leaves the sign bit alone.
    return ordered(moves)


def by_exponent(words: Words, dtype: str) -> NDArray[np.intp] | None:
    """Indices that sort words by their exponent, stably; `None` for a dtype without large exponents.

    Differences of numbers with one exponent have one magnitude: sorted like this, each block of the entropy
    coder sees a single distribution.
    """
    import numpy as np

    shift = _MANTISSA.get(dtype)
    if shift is None:
        return None
    exponent = np.right_shift(words, shift).astype(np.uint8)
    if dtype in ("F16", "C32"):
        # Five bits of exponent: the sign is above them.
        exponent &= 31
    return np.argsort(exponent, kind="stable")


def by_magnitude(words: Words) -> NDArray[np.intp]:
    """Indices that sort floats by the upper bits of their magnitude, stably: finer than `by_exponent`."""
    import numpy as np

    magnitude = np.left_shift(words, 1)
    bits = 8 * words.dtype.itemsize
    if bits > _FINE:
        magnitude = np.right_shift(magnitude, bits - _FINE).astype(f"<u{_FINE // 8}")
    return np.argsort(magnitude, kind="stable")


def mantissa_bits(dtype: str) -> int | None:
    """Bits of the mantissa of a float's word, without the hidden one; `None` for small exponents."""
    return _MANTISSA.get(dtype)


def ordered(words: Words) -> Words:
    """The words as two's complement integers in the order of the floats; -0.0 is one step below 0.0."""
    import numpy as np

    mask = _sign(words)
    np.right_shift(mask, 1, out=mask)
    return np.bitwise_xor(words, mask, out=mask)


def _sign(words: Words) -> Words:
    """Words of all ones where the top bit is set, and of zeros elsewhere."""
    import numpy as np

    size = words.dtype.itemsize
    filled: Words = np.right_shift(words.view(f"<i{size}"), size * 8 - 1).view(words.dtype)
    return filled
