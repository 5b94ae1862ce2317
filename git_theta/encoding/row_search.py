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

#: The share up to which a row that was expected is taken without a look at the others.
_CERTAIN = 0.02

#: Comparisons of two rows that a search may take, and rows without a counterpart after which it's given up.
_MAX_COMPARED = 3_000_000
_MAX_MISSES = 16

#: Most runs of a pattern that repeats, such as the query, key and value of one head after the other.
_LONGEST_PATTERN = 4

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

    def nearest(self, row: Numbers, places: Sequence[int] | NDArray[np.intp] | None = None) -> int | None:
        """The row that is the most like a given one; `None` if none is close.

        Args:
            row: Features of the row.
            places: The rows to compare it with, in the index or not; `None` for all. Of a few, one must be
                closer: another row may be the nearest.
        """
        import numpy as np

        if places is None:
            known, squares = self.rows, self.squares
        else:
            places = np.array([at for at in places if 0 <= at < len(self.rows)], np.intp)
            known, squares = self.rows[places], self.squares[places]
        if not len(known):
            return None
        sums = squares + float(row @ row)
        distances = sums - 2 * (known @ row)
        at = int(np.argmin(distances))
        limit = _limit(len(row)) if places is None else min(_limit(len(row)), _CERTAIN)
        if distances[at] > limit * sums[at]:
            return None
        return at if places is None else int(places[at])

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
    search = _Search(rows, index)
    runs: list[RowRun] = []
    at = misses = 0
    while at < len(rows):
        run = search.run_from(at)
        if run:
            runs.append(run)
            at += run.length
        else:
            misses += 1
            at += 1
            if misses > _MAX_MISSES:
                return None
    return runs


class _Search:
    """Finds runs one after another, at first where those before lead one to expect them.

    Args:
        rows: Features of the rows.
        index: The rows that they may come from.
    """

    def __init__(self, rows: Numbers, index: RowIndex) -> None:
        self._rows = rows
        self._index = index
        self._compared = 0
        self._origins: list[int] = []
        self._next = 0
        self._step = 1

    def run_from(self, at: int) -> RowRun | None:
        """The run that begins with a row; `None` if the row comes from nowhere."""
        index = self._index
        origin = self._find(at, self._expected())
        if origin is None:
            return None
        matrix = index.matrix_of(origin)
        end = index.end_of(matrix)
        step, length = self._longest(at, origin, end)
        self._origins.append(origin)
        self._next, self._step = origin + step * length, step
        return RowRun(matrix, origin - int(index.starts[matrix]), step, at, length)

    def _expected(self) -> list[int]:
        """Rows that may come next: those after the last run, and those of a pattern of up to four runs."""
        before = self._origins
        if not before:
            return []
        periods = (period for period in range(1, _LONGEST_PATTERN + 1) if 2 * period <= len(before))
        return [self._next, before[-1] + 1, *(2 * before[-each] - before[-2 * each] for each in periods)]

    def _find(self, at: int, expected: Sequence[int]) -> int | None:
        """The row that a row comes from."""
        row, index = self._rows[at], self._index
        for places in (expected, index.starts):
            found = index.nearest(row, places)
            if found is not None:
                return found
        self._compared += len(index.rows)
        return index.nearest(row) if self._compared <= _MAX_COMPARED else None

    def _longest(self, at: int, origin: int, end: int) -> tuple[int, int]:
        """The step and the length of the run that begins with a row at `origin`, in a matrix until `end`."""
        rows, index = self._rows[at:], self._index
        for step in dict.fromkeys((self._step, 1)):
            length = _related(rows, index, origin, step, end)
            if length > 1 or len(rows) < 2:
                return step, length
        second = self._find(at + 1, ())
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
