"""Masks as gaps: the distances between the elements that are set, for masks with few of them.

A gap is a byte: the number of elements between one that is set and the next. 255 skips as many elements and
sets none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from git_theta.errors import CorruptError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]
    Gaps = NDArray[np.uint8]

_SKIP = 255


def gaps_of(mask: Mask) -> Gaps:
    """The gaps of a mask, as many as it has elements at most."""
    import numpy as np

    between = np.diff(np.flatnonzero(mask), prepend=-1) - 1
    skips, rest = np.divmod(between, _SKIP)
    gaps = np.full(len(between) + int(skips.sum()), _SKIP, np.uint8)
    gaps[np.cumsum(skips + 1) - 1] = rest
    return gaps


def mask_of(gaps: Gaps, count: int) -> Mask:
    """The mask of some gaps.

    Args:
        gaps: As `gaps_of` gives them.
        count: The number of elements.

    Raises:
        CorruptError: The gaps are of more elements.
    """
    import numpy as np

    sets = gaps != _SKIP
    places = np.cumsum(gaps.astype(np.int64) + sets) - 1
    if len(places) and places[-1] >= count:
        raise CorruptError("the payload has a mask of too many elements")
    mask = np.zeros(count, np.bool_)
    mask[places[sets]] = True
    return mask
