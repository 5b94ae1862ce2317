"""Row search: where the rows of a matrix come from, among the rows of several others.

Rows are compared by some of their elements, as numbers: equal rows, and those that were trained a little
further, are found in any order and of any dtype.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from git_theta.encoding.lines import Numbers

#: Rows are related if the square of their distance is at most this share of the sum of their squares, to
#: which it's about equal for strangers. With few features strangers may be close: related rows are equal.
_CLOSE, _FEW, _EQUAL = 0.35, 32, 1e-4

#: Comparisons of two rows that a search may take, and rows without a counterpart after which it's given up.
_MAX_COMPARED = 50_000_000
_MAX_MISSES = 16

#: Rows that are compared at first when a run is extended; the number doubles.
_FIRST_STRETCH = 64


class RowRun(NamedTuple):
    """Rows of a matrix that come from another one, at regular steps.

    Attributes:
        source: Index of the other matrix.
        source_row: Its first row.
        step: Rows from one to the next in the other matrix.
        row: The first row in the matrix.
        length: Number of rows.
    """

    source: int
    source_row: int
    step: int
    row: int
    length: int


@dataclass(frozen=True, slots=True)
class RowIndex:
    """The rows of several matrices, to be searched.

    Attributes:
        rows: Features of the rows of all matrices, one after another.
        squares: The sum of each row's squares.
        starts: The first row of each matrix.
    """

    rows: Numbers
    squares: Numbers
    starts: NDArray[np.intp]

    @classmethod
    def of(cls, matrices: Sequence[Numbers]) -> RowIndex:
        """The rows of matrices with equally many features, at least one matrix."""
        import numpy as np

        rows = np.concatenate(matrices)
        starts = np.cumsum([0, *(len(each) for each in matrices[:-1])])
        return cls(rows, _squares(rows), starts)

    def nearest(self, row: Numbers) -> int | None:
        """The row that is the most like a given one; `None` if none is close. First rows are tried first."""
        import numpy as np

        for places in (self.starts, slice(None)):
            squares = self.squares[places]
            sums = squares + float(row @ row)
            distances = sums - 2 * (self.rows[places] @ row)
            at = int(np.argmin(distances))
            if distances[at] <= _limit(len(row)) * sums[at]:
                return int(self.starts[at]) if places is self.starts else at
        return None

    def matrix_of(self, row: int) -> int:
        """The index of the matrix that has a row."""
        import numpy as np

        return int(np.searchsorted(self.starts, row, "right")) - 1

    def end_of(self, matrix: int) -> int:
        """The row after a matrix."""
        return int(self.starts[matrix + 1]) if matrix + 1 < len(self.starts) else len(self.rows)


def find_runs(rows: Numbers, index: RowIndex) -> list[RowRun] | None:
    """The runs that rows come from, in the order of the rows; `None` if too many come from nowhere.

    Args:
        rows: Features of the rows, shape (rows, features).
        index: The rows that they may come from.
    """
    runs: list[RowRun] = []
    at = misses = compared = 0
    while at < len(rows):
        compared += len(index.rows)
        origin = index.nearest(rows[at]) if compared <= _MAX_COMPARED else None
        if origin is None:
            misses += 1
            if misses > _MAX_MISSES:
                return None
            at += 1
            continue
        matrix = index.matrix_of(origin)
        step, length = _longest(rows[at:], origin, index, index.end_of(matrix))
        runs.append(RowRun(matrix, origin - int(index.starts[matrix]), step, at, length))
        at += length
    return runs


def _longest(rows: Numbers, origin: int, index: RowIndex, end: int) -> tuple[int, int]:
    """The step and the length of the run that begins with the first row, at `origin`."""
    length = _related(rows, index, origin, 1, end)
    if length > 1 or len(rows) < 2:
        return 1, length
    second = index.nearest(rows[1])
    if second is None or not origin < second < end:
        return 1, 1
    return second - origin, _related(rows, index, origin, second - origin, end)


def _related(rows: Numbers, index: RowIndex, origin: int, step: int, end: int) -> int:
    """The number of rows from the first one on that are close to those from `origin` on."""
    import numpy as np

    most = min(len(rows), (end - 1 - origin) // step + 1)
    done, stretch = 0, _FIRST_STRETCH
    while done < most:
        count = min(stretch, most - done)
        ours = rows[done : done + count]
        first = origin + done * step
        places = slice(first, first + (count - 1) * step + 1, step)
        theirs = index.rows[places]
        sums = _squares(ours) + index.squares[places]
        far = _squares(ours - theirs) > _limit(rows.shape[1]) * sums
        if far.any():
            return done + int(np.argmax(far))
        done += count
        stretch *= 2
    return most


def _squares(rows: Numbers) -> Numbers:
    import numpy as np

    found: Numbers = np.einsum("ij,ij->i", rows, rows)
    return found


def _limit(features: int) -> float:
    return _CLOSE if features >= _FEW else _EQUAL
