"""Lines: the rows of a value, or its columns, and some elements of each to compare them by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from git_theta.codecs.frames import CHUNK
from git_theta.model.tensor import numpy_dtype
from git_theta.updates.base import Base
from git_theta.updates.rechunk import rechunk

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers = NDArray[np.float32]

#: Elements of a line that are compared.
_FEATURES = 64


@dataclass(frozen=True, slots=True)
class Lines:
    """The rows of a value, or the columns of a matrix.

    Attributes:
        base: The value.
        length: Elements of a line: any divisor of the value's elements for rows, the first size for columns.
        are_columns: Whether the lines are columns; the value has two dimensions then.
    """

    base: Base
    length: int
    are_columns: bool = False

    @property
    def count(self) -> int:
        """Number of lines."""
        return self.base.spec.count // self.length

    @property
    def step(self) -> int:
        """Elements of the value from one line to the next."""
        return 1 if self.are_columns else self.length

    @property
    def element_step(self) -> int:
        """Elements of the value from one element of a line to the next."""
        return self.count if self.are_columns else 1

    def features(self) -> Numbers:
        """Some elements of each line as float32, shape (lines, features).

        Raises:
            CorruptError, MissingObjectError: The value can't be read.
        """
        return self._column_features() if self.are_columns else self.first_features(self.count)

    def first_features(self, count: int) -> Numbers:
        """The features of the first rows.

        Raises:
            CorruptError, MissingObjectError: The value can't be read.
        """
        import numpy as np

        spec = self.base.spec
        size, count = self.length * spec.item_size, min(count, self.count)
        found: list[Numbers] = []
        done = 0
        for piece in rechunk(self.base.read(spec.nbytes), max(1, CHUNK // size) * size, spec.nbytes):
            rows = np.frombuffer(piece, f"<u{spec.item_size}").reshape(-1, self.length)[: count - done]
            sampled = np.concatenate([rows[:, start:end] for start, end in _places(self.length)], axis=1)
            found.append(as_numbers(sampled, spec.dtype))
            done += len(rows)
            if done == count:
                break
        return np.concatenate(found)

    def _column_features(self) -> Numbers:
        import numpy as np

        spec = self.base.spec
        # A column's elements are far from each other: whole rows are kept.
        wanted = [row for start, end in _places(self.length) for row in range(start, end)]
        size = self.count * spec.item_size
        kept = bytearray()
        for row, piece in enumerate(rechunk(self.base.read(spec.nbytes), size, spec.nbytes)):
            if len(kept) < len(wanted) * size and row == wanted[len(kept) // size]:
                kept += piece
        words = np.frombuffer(kept, f"<u{spec.item_size}").reshape(len(wanted), self.count)
        return as_numbers(np.ascontiguousarray(words.T), spec.dtype)


def as_numbers(words: NDArray[np.generic], dtype: str) -> Numbers:
    """Elements as float32, rounded; 0 for what isn't finite, and for complex numbers.

    Args:
        words: Unsigned integers with the elements' bits, in any shape.
        dtype: Their dtype.
    """
    import numpy as np

    if dtype == "BF16":
        numbers = (words.astype("<u4") << 16).view("<f4")
    elif dtype.startswith("C"):
        return np.zeros(words.shape, "<f4")
    else:
        with np.errstate(all="ignore"):
            numbers = words.view(numpy_dtype(dtype)).astype("<f4")
    finite: Numbers = np.nan_to_num(numbers, copy=False, posinf=0.0, neginf=0.0)
    return finite


def _places(length: int) -> list[tuple[int, int]]:
    """The elements of a line that are compared, as half-open ranges: from its beginning and its middle."""
    if length <= _FEATURES:
        return [(0, length)]
    half = _FEATURES // 2
    middle = max(half, length // 2)
    return [(0, half), (middle, middle + half)]
