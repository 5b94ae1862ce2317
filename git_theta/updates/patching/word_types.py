"""Word types: the floats that bytes of an unknown file probably are, told by how they differ from a base.

The upper bytes of floats that changed a little are mostly equal, the lower ones hardly ever.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from git_theta.model.tensor import TensorSpec
from git_theta.updates.residual import ResidualWriter

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from git_theta.updates.patching.anchors import Bytes

#: Dtypes of the words that are tried, by their width in bytes.
_DTYPES = {2: ("BF16", "F16"), 4: ("F32",), 8: ("F64",)}

#: The bytes that a dtype is tried on.
_TRIED = 1 << 14


class WordType(NamedTuple):
    """The dtype of words, and the offset of the first whole one, modulo its width.

    Attributes:
        dtype: `U8` where bytes are no words.
        phase: Offset in bytes.
    """

    dtype: str
    phase: int


BYTES = WordType("U8", 0)


def width_of(dtype: str) -> int:
    """Bytes of a word."""
    return TensorSpec(dtype, ()).word_size


class WordTypeGuess:
    """Guesses word types, chunk after chunk; chunks whose differences are alike have one type."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, ...], WordType] = {}

    def of(self, value: Bytes, base: Bytes) -> WordType | None:
        """The word type of a chunk; `None` if it's equal to the base's.

        Args:
            value: Bytes of the value. The phase counts from the first.
            base: As many bytes of the base.
        """
        import numpy as np

        size = len(value) // 8 * 8
        differing = np.flatnonzero(value[:size] != base[:size])
        if not len(differing):
            return None if np.array_equal(value, base) else BYTES
        # Rows of eight bytes, from the first difference on.
        first = int(differing[0]) // 8 * 8
        stop = min(size, first + _TRIED)
        equal = (value[first:stop] == base[first:stop]).reshape(-1, 8)
        changed = equal[~equal.all(axis=1)]
        kinds = list(_plausible(changed.mean(axis=0)))
        key = tuple(phase for _, phase in kinds)
        if key not in self._known:
            parts = value[first : stop + 8], base[first : stop + 8]
            tried = [WordType(dtype, phase) for width, phase in kinds for dtype in _DTYPES[width]]
            self._known[key] = min([BYTES, *tried], key=lambda word: _size(*parts, word))
        return self._known[key]


def _plausible(rates: NDArray[np.float64]) -> list[tuple[int, int]]:
    """For each width, the phase of the first byte of words, by the share of equal bytes at eight offsets."""
    import numpy as np

    found = []
    for width in _DTYPES:
        means = rates.reshape(-1, width).mean(axis=0)
        # The upper byte of a little-endian word is its last one.
        rises = [means[(phase + width - 1) % width] - means[phase] for phase in range(width)]
        found.append((width, int(np.argmax(rises))))
    return found


def _size(value: Bytes, base: Bytes, word: WordType) -> int:
    """Bytes of the residual of a sample."""
    import numpy as np

    width = width_of(word.dtype)
    count = (len(value) - word.phase) // width
    ends = slice(word.phase, word.phase + count * width)
    words, before = (np.ascontiguousarray(part[ends]).view(f"<u{width}") for part in (value, base))
    return sum(map(len, ResidualWriter(TensorSpec(word.dtype, (count,)), count).frames(words, before)))
