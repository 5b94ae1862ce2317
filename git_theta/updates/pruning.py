"""Pruning: masks of the elements that became zero, while the others stayed what they were or nearly so.

A mask has a bit for each word. Elements are mostly pruned by their magnitude: in that order, the mask is
hardly more than a threshold. Others are pruned by their place, such as whole rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

from git_theta.updates.mask_gaps import gaps_of, mask_of
from git_theta.updates.ordered import by_magnitude

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from git_theta.updates.base import Words

#: The share of a chunk's words from which on a mask may be worth its bits.
_WORTHWHILE = 1 / 64

#: The largest share of words between which gaps may be shorter than bits.
_FEW = 0.25

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


class MaskForm(Enum):
    """The form of a stored mask."""

    #: Bits, in the order of the words.
    BITS = auto()
    #: Bits, in the order of the prediction's magnitudes.
    SORTED = auto()
    #: Gaps between words that aren't zero, for few of them.
    FEW_LEFT = auto()
    #: Gaps between zeros, for few of them.
    FEW_ZEROS = auto()


@dataclass(frozen=True, slots=True)
class Pruning:
    """How the mask of a chunk is stored.

    Attributes:
        signed: As in `Zeros`.
        form: The form of the mask.
    """

    signed: bool
    form: MaskForm

    @property
    def has_gaps(self) -> bool:
        """Whether the mask's bytes are gaps, whose number depends on the mask."""
        return self.form in (MaskForm.FEW_LEFT, MaskForm.FEW_ZEROS)

    def suits(self, zeros: Zeros, floats: bool) -> bool:
        """Whether the mask of a chunk may be short in this form.

        Args:
            zeros: The zeros of the chunk.
            floats: Whether the words are floats, which have magnitudes.
        """
        share = float(zeros.mask.mean())
        may = {
            MaskForm.BITS: True,
            MaskForm.SORTED: floats,
            MaskForm.FEW_LEFT: share >= 1 - _FEW,
            MaskForm.FEW_ZEROS: share <= _FEW,
        }
        return self.signed == zeros.signed and may[self.form]

    def stored(self, mask: NDArray[np.bool_], prediction: Words) -> NDArray[np.uint8]:
        """The bytes of a mask: eight bits in each, the first in the lowest; or gaps.

        Args:
            mask: Whether each word is zero.
            prediction: The predicted words, as many.
        """
        import numpy as np

        if self.has_gaps:
            return gaps_of(mask if self.form is MaskForm.FEW_ZEROS else ~mask)
        placed = mask[by_magnitude(prediction)] if self.form is MaskForm.SORTED else mask
        return np.packbits(placed, bitorder="little")

    def apply(self, stored: NDArray[np.uint8], prediction: Words) -> Words:
        """The predicted words with zeros where the mask is set.

        Args:
            stored: The mask, as `stored` gives it.
            prediction: The predicted words, flat.

        Raises:
            CorruptError: The mask is of more words.
        """
        import numpy as np

        if self.has_gaps:
            mask = mask_of(stored, len(prediction))
            return Zeros(mask if self.form is MaskForm.FEW_ZEROS else ~mask, self.signed).applied(prediction)
        mask = np.unpackbits(stored, count=len(prediction), bitorder="little").view(np.bool_)
        if self.form is MaskForm.SORTED:
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
