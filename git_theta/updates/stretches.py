"""Stretches: blocks of a chunk that are equal to their prediction, near to it, or unrelated.

A value may have new rows beside tuned ones, and beside others that nobody touched. Blocks are all of one
size, so that their kinds are a short plane.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from git_theta.model.tensor import TensorSpec
from git_theta.updates.ordered import difference, is_ordered, mantissa_bits

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from git_theta.updates.base import Words

    Kinds = NDArray[np.uint8]

#: Bytes of a block: rows of weights are mostly a multiple of that.
BLOCK = 512

#: Kinds of blocks: equal to the prediction; steps from the prediction; steps from zero.
EQUAL, NEAR, WHOLE = 0, 1, 2

#: The share of a chunk's blocks from which on their kinds may be worth a plane.
_WORTHWHILE = 1 / 64

#: Mean bits of steps beyond a float's mantissa, from which on the floats themselves may be shorter: these
#: have a sign, too, and an exponent, most of which is known.
_BEYOND_MANTISSA = 2.5

#: A word is near if its step has so many bits less than the mantissa; that share of words shows a relation.
_BITS_SAVED, _LEAST_NEAR, _COMPARED = 6, 0.04, 4096

#: About as many blocks of a stretch tell whether all of it is near.
_BLOCKS_COMPARED = 64

#: Every eighth step of a block is measured.
_STRIDE = 8


def kinds_of(steps: Words, spec: TensorSpec) -> Kinds | None:
    """The kind of each block of a chunk; `None` if nearly all are near their prediction.

    Args:
        steps: Zig-zag steps from the prediction, flat.
        spec: Dtype and shape of the value; only the dtype matters.
    """
    import numpy as np

    block = BLOCK // spec.word_size
    starts = np.arange(0, len(steps), block)
    equal = np.maximum.reduceat(steps, starts) == 0
    measured = steps[::_STRIDE]
    bits = np.frexp(measured.astype(np.float32))[1]
    places = np.arange(0, len(measured), block // _STRIDE)
    mean = np.add.reduceat(bits, places) / np.diff(places, append=len(measured))
    whole = mean > _longest_steps(spec)
    if np.count_nonzero(equal | whole) < _WORTHWHILE * len(starts):
        return None
    kinds = np.full(len(starts), NEAR, np.uint8)
    kinds[whole] = WHOLE
    kinds[equal] = EQUAL
    return kinds


def step_bits(value: Words, base: Words, spec: TensorSpec) -> NDArray[np.int32]:
    """The number of bits of the steps from a base to a value, of some words all over a stretch.

    Args:
        value: Machine words, flat.
        base: As many words.
        spec: Dtype and shape of the value; only the dtype matters.
    """
    import numpy as np

    stride = max(1, len(value) // _COMPARED)
    steps = difference(value[::stride], base[::stride], is_ordered(spec))
    return np.frexp(steps.astype(np.float32))[1]


def may_be_near(value: Words, base: Words, spec: TensorSpec) -> bool:
    """Whether some words of a stretch are zero, or near to those of a base; of integers, always.

    Args:
        value: Machine words, flat.
        base: As many words.
        spec: Dtype and shape of the value; only the dtype matters.
    """
    import numpy as np

    mantissa = mantissa_bits(spec.dtype)
    if mantissa is None:
        return True
    zero = np.left_shift(value[:: max(1, len(value) // _COMPARED)], 1) == 0
    near = step_bits(value, base, spec) <= mantissa - _BITS_SAVED
    return bool((near | zero).mean() >= _LEAST_NEAR)


def is_near_throughout(value: Words, base: Words, spec: TensorSpec) -> bool:
    """Whether nearly all of some blocks of a stretch are near those at the same places of a base.

    Args:
        value: Machine words, flat.
        base: As many words.
        spec: Dtype and shape of the value; only the dtype matters.
    """
    if mantissa_bits(spec.dtype) is None:
        return False
    return kinds_of(difference(_few_blocks(value, spec), _few_blocks(base, spec), floats=True), spec) is None


def _few_blocks(words: Words, spec: TensorSpec) -> Words:
    """Some blocks all over a stretch, one after another."""
    block = BLOCK // spec.word_size
    whole = len(words) // block
    stride = whole // _BLOCKS_COMPARED
    if stride < 2:
        return words
    return words[: whole * block].reshape(whole, block)[::stride].reshape(-1)


def block_count(words: int, spec: TensorSpec) -> int:
    """The number of blocks of so many words, the last one shorter."""
    return -(-words // (BLOCK // spec.word_size))


def spread(kinds: Kinds, words: int, spec: TensorSpec) -> Kinds:
    """The kind of each word, from those of the blocks."""
    import numpy as np

    return np.repeat(kinds, BLOCK // spec.word_size)[:words]


def _longest_steps(spec: TensorSpec) -> float:
    """Mean bits of steps from which on a block may be shorter as steps from zero."""
    mantissa = mantissa_bits(spec.dtype)
    return 4 * spec.word_size if mantissa is None else mantissa + _BEYOND_MANTISSA
