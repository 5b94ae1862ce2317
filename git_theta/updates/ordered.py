"""Ordered integers: floats as integers of the same order, so that close values have small differences.

The difference of two such integers counts the representable numbers between the two floats. It wraps
around, so it's exact for every pair, NaNs and infinities too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from git_theta.model.tensor import FLOATS, TensorSpec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from git_theta.updates.base import Words

#: How far to shift a word right so that its low byte is the exponent, or most of it.
_EXPONENT = {"F32": 23, "BF16": 7, "F16": 10, "F64": 52, "C32": 10, "C64": 23, "C128": 52}


def is_ordered(spec: TensorSpec) -> bool:
    """Whether the words of a dtype are floats."""
    return spec.dtype in FLOATS or spec.dtype.startswith("C")


def difference(value: Words, base: Words, floats: bool) -> Words:
    """The number of steps from base to value, zig-zag coded: small distances are small numbers."""
    import numpy as np

    steps = np.subtract(_ordered(value), _ordered(base)) if floats else np.subtract(value, base)
    sign = _sign(steps)
    np.left_shift(steps, 1, out=steps)
    return np.bitwise_xor(steps, sign, out=steps)


def advance(base: Words, steps: Words, floats: bool) -> Words:
    """The inverse: the value that lies so many zig-zag coded steps from the base."""
    import numpy as np

    sign = np.negative(np.bitwise_and(steps, 1))
    moves = np.right_shift(steps, 1)
    np.bitwise_xor(moves, sign, out=moves)
    if not floats:
        return np.add(moves, base, out=moves)
    np.add(moves, _ordered(base), out=moves)
    # The mapping is its own inverse: it leaves the sign bit alone.
    return _ordered(moves)


def by_exponent(words: Words, dtype: str) -> NDArray[np.intp] | None:
    """The stable order of words by their exponent; `None` for a dtype that has none to speak of.

    Of numbers with one exponent, the differences are of one size: sorted like this, each block of the
    entropy coder sees only one distribution.
    """
    import numpy as np

    shift = _EXPONENT.get(dtype)
    if shift is None:
        return None
    exponent = np.right_shift(words, shift).astype(np.uint8)
    if dtype in ("F16", "C32"):
        # Five bits of exponent: the sign is above them.
        exponent &= 31
    return np.argsort(exponent, kind="stable")


def _ordered(words: Words) -> Words:
    """Two's complement integers in the order of the floats; -0.0 comes just before 0.0."""
    import numpy as np

    mask = _sign(words)
    np.right_shift(mask, 1, out=mask)
    return np.bitwise_xor(words, mask, out=mask)


def _sign(words: Words) -> Words:
    """All ones where the top bit is set, else zero."""
    import numpy as np

    size = words.dtype.itemsize
    filled: Words = np.right_shift(words.view(f"<i{size}"), size * 8 - 1).view(words.dtype)
    return filled
