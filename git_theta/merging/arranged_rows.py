"""Values with the rows of a merged vocabulary, in its order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from git_theta.merging.converted import ConvertedValue, made_of
from git_theta.merging.row_order import RowKey
from git_theta.model.strided import Temporary, joined
from git_theta.model.tensor import TensorSpec
from git_theta.updates.base import Pieces
from git_theta.updates.rounding import ARITHMETIC, round_to, widen

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: Bytes of rows that are put together at once.
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """The rows of a value, each from one of several values.

    Attributes:
        sources: For each row, the index of the value that it's from; -1 for the mean of all sides.
        places: For each row, its index in that value.
    """

    sources: NDArray[np.int64]
    places: NDArray[np.int64]


def arranged(
    versions: Sequence[ConvertedValue | None],
    keys: Sequence[Sequence[RowKey] | None],
    order: Sequence[RowKey],
    temporary: Temporary,
) -> list[ConvertedValue | None]:
    """The versions of a parameter with the rows of the result.

    A row that some sides don't have is that of the first side that has it, in all versions, so that every
    strategy keeps it as it is. A row that all sides have and the base hasn't is their mean in the base.

    Args:
        versions: The value in the base, or `None` without one, and on each side; all of one dtype, with equal
            shapes but for the number of rows.
        keys: The keys of the rows of each.
        order: The keys of the rows of the result. Each is among those of a side.
        temporary: Makes a descriptor of an unlinked temporary file, for values that are too large for memory.
    """
    import numpy as np

    known = [None if own is None else {key: row for row, key in enumerate(own)} for own in keys]
    places = [np.array([-1 if own is None else own.get(key, -1) for key in order], np.int64) for own in known]
    sides = np.stack(places[1:])
    everywhere = (sides >= 0).all(axis=0)
    donors = (sides >= 0).argmax(axis=0)
    donated = np.take_along_axis(sides, donors[None], 0)[0]
    found: list[ConvertedValue | None] = []
    for index, version in enumerate(versions):
        if version is None:
            found.append(None)
            continue
        own = np.full(len(order), index)
        if index == 0:
            is_float = version.spec.dtype in ARITHMETIC
            own[places[0] < 0] = -1 if is_float else 1
        taken = np.where(own == 1, sides[0], places[index]) if index == 0 else places[index]
        rows = _Rows(np.where(everywhere, own, donors + 1), np.where(everywhere, taken, donated))
        found.append(_arranged(versions, places, rows, index, temporary))
    return found


def _arranged(
    versions: Sequence[ConvertedValue | None],
    places: Sequence[NDArray[np.int64]],
    rows: _Rows,
    index: int,
    temporary: Temporary,
) -> ConvertedValue:
    """A version with rows of this one and of others."""
    import numpy as np

    version = versions[index]
    assert version  # noqa: S101
    count, spec = len(rows.sources), version.spec
    is_same = count == spec.shape[0] and bool(
        (rows.sources == index).all() and (rows.places == np.arange(count)).all()
    )
    if is_same:
        return version
    needed = set(rows.sources.tolist())
    used = range(1, len(versions)) if -1 in needed else ()
    values = {i: value for i in sorted({index, *used, *(needed - {-1})}) if (value := versions[i])}

    def read() -> Pieces:
        width = TensorSpec(spec.dtype, spec.shape[1:]).nbytes
        loaded = {i: _matrix(value, width, temporary) for i, value in values.items()}
        step = max(1, _BLOCK // max(1, width))
        for start in range(0, count, step):
            sources, from_rows = rows.sources[start : start + step], rows.places[start : start + step]
            block = np.empty((len(sources), width), np.uint8)
            for i, matrix in loaded.items():
                chosen = sources == i
                block[chosen] = matrix[from_rows[chosen]]
            middle = np.flatnonzero(sources == -1)
            if len(middle):
                sides = [loaded[i][places[i][start + middle]] for i in used]
                block[middle] = _mean(sides, spec.dtype)
            yield block.reshape(-1).data

    origins = [origin for i in (index, *(i for i in values if i != index)) for origin in values[i].origins]
    return made_of(TensorSpec(spec.dtype, (count, *spec.shape[1:])), origins, read)


def _matrix(value: ConvertedValue, width: int, temporary: Temporary) -> NDArray[np.uint8]:
    """The bytes of a value, a row of them for each of its rows."""
    import numpy as np

    memory = joined(value.read(), value.spec.nbytes, temporary)
    return np.frombuffer(memory, np.uint8).reshape(value.spec.shape[0], width)


def _mean(sides: Sequence[NDArray[np.uint8]], dtype: str) -> NDArray[np.uint8]:
    """The mean of rows, as bytes."""
    import numpy as np

    size = TensorSpec(dtype, ()).item_size
    total = sum(widen(np.ascontiguousarray(rows).reshape(-1).view(f"<u{size}"), dtype) for rows in sides)
    words = round_to(np.asarray(total / len(sides)), dtype)
    return words.view(np.uint8).reshape(sides[0].shape)
