"""Scale search: the scales by which a value was quantised, from the value and its base.

Most quantisers divide by the largest magnitude of a row, a column, or a block: it becomes the largest code.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from git_theta.model.tensor import TensorSpec
from git_theta.updates.base import Base
from git_theta.updates.quantisation import PRECISIONS, Quantisation, as_singles, matrix_shape, row_blocks
from git_theta.updates.rounding import convert, largest, widen

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from git_theta.updates.base import Words
    from git_theta.updates.quantisation import Singles

#: Columns whose largest magnitudes are kept together; blocks are multiples of it.
_GROUP = 32

#: Sizes of blocks within a row, and of square ones.
_GROUPS, _SQUARE = (32, 64, 128, 256), 128

#: Elements by which scalings are compared, from rows all over the value.
_SAMPLE = 1 << 15

#: Share of codes that may be others than they should be.
_MOST_WRONG = 0.5


@dataclass(frozen=True, slots=True)
class _Largest:
    """Largest magnitudes.

    Attributes:
        groups: Of each row's groups of `_GROUP` columns; shape (rows, groups).
        columns: Of each column.
    """

    groups: Singles
    columns: Singles

    def of_blocks(self, rows: int, columns: int) -> Singles:
        """Largest magnitudes of blocks of rows and columns."""
        import numpy as np

        if columns == 1:
            return self.columns[None]
        down = np.maximum.reduceat(self.groups, np.arange(0, len(self.groups), rows))
        across: Singles = np.maximum.reduceat(
            down, np.arange(0, down.shape[1], -(-columns // _GROUP)), axis=1
        )
        return across


@dataclass(frozen=True, slots=True)
class _Sampled:
    """Rows that scalings are compared by.

    Attributes:
        rows: Indices of the rows.
        numbers: Their numbers in the base.
        codes: Their words in the value.
    """

    rows: NDArray[np.intp]
    numbers: Singles
    codes: Words

    def wrong(self, scaling: Quantisation, scales: Singles, dtype: str) -> float:
        """The share of codes that differ."""
        codes = scaling.codes(self.numbers, self.rows, scales, dtype)
        return float((codes != self.codes.reshape(-1)).mean())


def find_scaling(value: memoryview, spec: TensorSpec, base: Base) -> tuple[Quantisation, Words] | None:
    """The scaling that gives the most codes of a value, and its scales; `None` if that's less than half.

    Args:
        value: Logical bytes of the codes.
        spec: Their dtype and shape.
        base: The numbers.
    """
    import numpy as np

    rows, columns = matrix_shape(spec)
    codes = np.frombuffer(value, "u1").reshape(rows, columns)
    picked = np.unique(np.linspace(0, rows - 1, max(1, min(rows, _SAMPLE // columns))).astype(int))
    of_base, of_codes, numbers = _largest(codes, spec, base, picked)
    sampled = _Sampled(picked, numbers, codes[picked])

    def wrong(scaling: Quantisation, ratio: Singles) -> float:
        scales = as_singles(_scales(scaling, ratio), scaling.scales).reshape(ratio.shape)
        return sampled.wrong(scaling, scales, spec.dtype)

    def cost(blocks: tuple[Quantisation, Singles]) -> float:
        return wrong(*blocks) + 4 * blocks[1].size / spec.nbytes

    blocks, _ = min(((each, _ratio(of_base, of_codes, each)) for each in _scalings(spec)), key=cost)
    # Rounded scales may make the largest code of a block another than it's meant to be.
    most = np.float32(127 if spec.dtype == "I8" else largest(spec.dtype))
    meant = _Largest(np.full_like(of_codes.groups, most), np.full_like(of_codes.columns, most))
    ratios = [_ratio(of_base, codes, blocks) for codes in (of_codes, meant)]
    choices = [(variant, ratio) for ratio in ratios for variant in _variants(blocks)]
    scaling, ratio = min(choices, key=lambda choice: wrong(*choice))
    return (scaling, _scales(scaling, ratio)) if wrong(scaling, ratio) <= _MOST_WRONG else None


def _largest(
    codes: Words, spec: TensorSpec, base: Base, picked: NDArray[np.intp]
) -> tuple[_Largest, _Largest, Singles]:
    """The largest magnitudes of base and codes, and the picked rows of the base."""
    import numpy as np

    rows, columns = codes.shape
    starts = np.arange(0, columns, _GROUP)
    both = [_Largest(np.empty((rows, len(starts)), "<f4"), np.zeros(columns, "<f4")) for _ in range(2)]
    kept = np.empty((len(picked), columns), "<f4")
    row = 0
    for numbers in row_blocks(Base(TensorSpec(base.spec.dtype, spec.shape), base.read)):
        end = row + len(numbers)
        inside = (picked >= row) & (picked < end)
        kept[inside] = numbers[picked[inside] - row]
        for found, block in zip(both, (numbers, _values(codes[row:end], spec.dtype)), strict=True):
            magnitudes = np.abs(block)
            found.groups[row:end] = np.maximum.reduceat(magnitudes, starts, axis=1)
            np.maximum(found.columns, magnitudes.max(axis=0), out=found.columns)
        row = end
    return both[0], both[1], kept


def _values(codes: Words, dtype: str) -> Singles:
    """Codes as float32."""
    if dtype == "I8":
        return codes.view("i1").astype("<f4")
    return widen(codes.reshape(-1), dtype).astype("<f4").reshape(codes.shape)


def _ratio(of_base: _Largest, of_codes: _Largest, scaling: Quantisation) -> Singles:
    """The scales by which the largest magnitudes become the largest codes; 1 where there are only zeros."""
    import numpy as np

    numbers = of_base.of_blocks(scaling.rows, scaling.columns)
    codes = of_codes.of_blocks(scaling.rows, scaling.columns)
    with np.errstate(all="ignore"):
        ratio: Singles = numbers / codes
    ratio[~np.isfinite(ratio) | (ratio == 0)] = 1
    return ratio


def _scalings(spec: TensorSpec) -> Iterator[Quantisation]:
    """Blocks that may share a scale: all elements, rows, columns, parts of rows, squares."""
    rows, columns = matrix_shape(spec)
    yield Quantisation(rows, columns)
    yield Quantisation(1, columns)
    for outer in range(1, len(spec.shape) - 1):
        yield Quantisation(math.prod(spec.shape[outer:-1]), columns)
    yield Quantisation(rows, 1)
    for size in _GROUPS:
        if size < columns:
            yield Quantisation(1, size)
    if max(rows, columns) > _SQUARE:
        yield Quantisation(_SQUARE, _SQUARE)


def _variants(scaling: Quantisation) -> Iterator[Quantisation]:
    """The ways to compute with the same blocks."""
    for scales in PRECISIONS:
        for through in PRECISIONS:
            for multiplies in (False, True):
                yield replace(scaling, scales=scales, through=through, multiplies=multiplies)


def _scales(scaling: Quantisation, ratio: Singles) -> Words:
    """Machine words of the scales by which numbers are divided or multiplied, flat."""
    import numpy as np

    words = (np.float32(1) / ratio if scaling.multiplies else ratio).reshape(-1).view("<u4")
    return words if scaling.scales == "F32" else convert(words, "F32", scaling.scales)
