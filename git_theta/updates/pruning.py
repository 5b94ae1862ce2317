"""Pruning: masks of the elements that became zero, while the others stayed what they were or nearly so.

A mask has a bit for each word. Elements are mostly pruned by their magnitude: in that order, the mask is
hardly more than a threshold. Others are pruned by their place, such as whole rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from git_theta.updates.ordered import by_magnitude

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from git_theta.updates.base import Words

#: The share of a chunk's words from which on a mask may be worth its bits.
_WORTHWHILE = 1 / 64

#: About as many words of a chunk show whether it has zeros at all.
_COMPARED = 8192


@dataclass(frozen=True, slots=True)
class Zeros:
    """The zeros of a chunk.

    Attributes:
        mask: Whether each word is zero.
        signed: Whether the zeros have the signs of the prediction, as in a product with a mask of 0 and 1.
    """

    mask: NDArray[np.bool_]
    signed: bool

    def applied(self, prediction: Words) -> Words:
        """The predicted words with zeros where the mask is true."""
        import numpy as np

        zeros = np.bitwise_and(prediction, _sign_bit(prediction)) if self.signed else prediction.dtype.type(0)
        return np.where(self.mask, zeros, prediction)


@dataclass(frozen=True, slots=True)
class Pruning:
    """How the mask of a chunk is stored.

    Attributes:
        signed: As in `Zeros`.
        sorted: Whether the mask is in the order of the prediction's magnitudes.
    """

    signed: bool
    sorted: bool

    def bits(self, mask: NDArray[np.bool_], prediction: Words) -> NDArray[np.uint8]:
        """The mask's bits, eight in a byte, the first in the lowest.

        Args:
            mask: Whether each word is zero.
            prediction: The predicted words, as many.
        """
        import numpy as np

        placed = mask[by_magnitude(prediction)] if self.sorted else mask
        return np.packbits(placed, bitorder="little")

    def apply(self, bits: NDArray[np.uint8], prediction: Words) -> Words:
        """The predicted words with zeros where the mask is set.

        Args:
            bits: The mask's bits, as `bits` gives them.
            prediction: The predicted words, flat.
        """
        import numpy as np

        mask = np.unpackbits(bits, count=len(prediction), bitorder="little").view(np.bool_)
        if self.sorted:
            placed = np.empty_like(mask)
            placed[by_magnitude(prediction)] = mask
            mask = placed
        return Zeros(mask, self.signed).applied(prediction)


def find_zeros(value: Words, prediction: Words, floats: bool) -> Zeros | None:
    """The zeros of a chunk; `None` if few of them weren't predicted.

    Args:
        value: Machine words, flat.
        prediction: As many words.
        floats: Whether the words are floats, which have two zeros.
    """
    import numpy as np

    few = value[:: max(1, len(value) // _COMPARED)]
    if np.count_nonzero(_zeros(few, floats)) < _WORTHWHILE / 2 * len(few):
        return None
    mask = _zeros(value, floats)
    new = mask & (prediction != 0)
    if np.count_nonzero(new) < max(1, _WORTHWHILE * len(value)):
        return None
    negative = new & (prediction >= _sign_bit(prediction))
    signed = 2 * np.count_nonzero(value[negative]) > np.count_nonzero(negative)
    return Zeros(mask, bool(floats and signed))


def _zeros(words: Words, floats: bool) -> NDArray[np.bool_]:
    """Whether each word is zero, of floats with either sign."""
    import numpy as np

    found: NDArray[np.bool_] = (np.left_shift(words, 1) if floats else words) == 0
    return found


def _sign_bit(words: Words) -> np.unsignedinteger[Any]:
    return words.dtype.type(1 << 8 * words.dtype.itemsize - 1)
