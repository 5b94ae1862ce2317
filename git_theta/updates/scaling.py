"""Scaling: the factors by which a value, its rows or its channels are those of its base.

A program computed `round(weight * factor)`, so each element bounds the factor from below and above. The
bounds of many elements leave a short interval of float64 numbers, with mostly one float32 in it: the factor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from git_theta.updates.factors import MANTISSA

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

#: Gives pairs of row blocks, (value, base), as float64 in the tensor's shape; from the top at each call.
RowBlocks = Callable[[], Iterator[tuple["Numbers", "Numbers"]]]

#: Elements whose ratio differs from the median by at most this many units in the last place bound a factor.
_NEAR = 4

#: The relative difference from the median that elements may have if they were tuned after they were scaled.
_TUNED = 1 / 64

#: The share of elements near to the median from which on a value counts as scaled; if it was tuned, too, also
#: that of the factors that aren't 1.
_SCALED = 0.5

#: The least shares of neighbours with equal ratios other than one in a value that may be scaled, and with
#: near ones in a value that was tuned, too.
_LEAST_EQUAL, _LEAST_TUNED = 0.1, 0.3

#: A factor for fewer elements isn't worth its bytes.
_PER_FACTOR = 16

#: Exponent of the smallest numbers, half of which is the rounding error near zero; by dtype.
_SMALLEST = {"F32": -149, "BF16": -133, "F16": -24, "F64": -1074}


@dataclass(frozen=True, slots=True)
class Scaling:
    """Factors of a tensor.

    Attributes:
        factors: float64, of a shape that broadcasts to the tensor's, of as many dimensions.
        dtype: A dtype that has them all: F32 or F64.
    """

    factors: Numbers
    dtype: str


def scaled_axes(value: Numbers, base: Numbers, shape: tuple[int, ...], dtype: str) -> tuple[int, ...] | None:
    """The axes along which factors differ; `None` if a few rows aren't scaled ones.

    Args:
        value: Some rows of the value, with all of its dimensions.
        base: The same rows of the base.
        shape: The shape of the whole tensor.
        dtype: Dtype of both, a key of `MANTISSA`.
    """
    import numpy as np

    ratio = _ratios(value, base)
    if not _may_be_scaled(ratio, dtype):
        return None
    known = max(1, int(np.isfinite(ratio).sum()))
    medians = []
    for axes in _possible_axes(shape):
        others = tuple(axis for axis in range(ratio.ndim) if axis not in axes)
        medians.append((axes, _median(ratio, others)))
    for tolerance, least in ((_NEAR * 2.0 ** (1 - MANTISSA[dtype]), 0.0), (_TUNED, _SCALED)):
        for axes, median in medians:
            near = np.abs(ratio - median) <= tolerance * np.abs(median)
            scaled = np.abs(median - 1) > tolerance
            if near.sum() >= _SCALED * known and scaled.any() and scaled.mean() >= least:
                return axes
    return None


def _may_be_scaled(ratio: Numbers, dtype: str) -> bool:
    """Whether neighbours along the first or the last axis have equal ratios more often than by chance.

    Those that have one factor are: where half of them are near its median, a quarter of neighbours both are.
    """
    import numpy as np

    ratio = ratio.squeeze()
    if not ratio.ndim:
        return True
    tolerance = _NEAR * 2.0 ** (1 - MANTISSA[dtype])
    # What was tuned after it was scaled has most of its ratios on one side of one, far from it.
    side = np.sign(ratio - 1) * (np.abs(ratio - 1) > _TUNED)
    for axis in sorted({0, ratio.ndim - 1}):
        neighbours, sides = np.moveaxis(ratio, axis, 0), np.moveaxis(side, axis, 0)
        step, size = np.abs(neighbours[1:] - neighbours[:-1]), np.abs(neighbours[1:])
        known = max(1, int(np.isfinite(step).sum()))
        # Of elements that didn't change, nothing has a factor.
        equal = (step <= 2 * tolerance * size) & (np.abs(neighbours[1:] - 1) > tolerance)
        tuned = (step <= 2 * _TUNED * size) & (sides[1:] * sides[:-1] > 0)
        if equal.sum() >= _LEAST_EQUAL * known or tuned.sum() >= _LEAST_TUNED * known:
            return True
    return False


def find_scaling(blocks: RowBlocks, axes: tuple[int, ...], shape: tuple[int, ...], dtype: str) -> Scaling:
    """The factors of a tensor.

    Args:
        blocks: Value and base.
        axes: The axes along which factors differ.
        shape: The tensor's shape.
        dtype: Dtype of the values, a key of `MANTISSA`.
    """
    import numpy as np

    others = tuple(axis for axis in range(len(shape)) if axis not in axes)
    size = tuple(count if axis in axes else 1 for axis, count in enumerate(shape))
    middle, low, high = np.ones(size), np.full(size, -np.inf), np.full(size, np.inf)
    row = 0
    for value, base in blocks():
        here = slice(row, row + len(value)) if 0 in axes else slice(None)
        if 0 in axes or not row:
            middle[here] = _median(_ratios(value, base), others)
        floor, ceiling = _bounds(value, base, middle[here], dtype)
        np.maximum(low[here], floor.max(axis=others, keepdims=True), out=low[here])
        np.minimum(high[here], ceiling.min(axis=others, keepdims=True), out=high[here])
        row += len(value)
    known = (low <= high) & np.isfinite(low) & np.isfinite(high)
    inside = middle.copy()
    inside[known] = low[known] / 2 + high[known] / 2
    short = inside.astype(np.float32).astype(np.float64)
    if (~known | ((low <= short) & (short <= high))).all():
        return Scaling(short, "F32")
    return Scaling(inside, "F64")


def _possible_axes(shape: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Sets of axes along which factors may differ, those of few factors first."""
    count = 1
    for size in shape:
        count *= size
    last = len(shape) - 1
    sets: list[tuple[int, ...]] = [()]
    if last > 0:
        sets += [(0,), (1,)]
    if last > 1:
        sets += [(last,), (0, 1)]
    for axes in sets:
        factors = 1
        for axis in axes:
            factors *= shape[axis]
        if _PER_FACTOR * factors <= count:
            yield axes


def _ratios(value: Numbers, base: Numbers) -> Numbers:
    """Value by base; NaN where an element is zero or not finite."""
    import numpy as np

    with np.errstate(all="ignore"):
        ratio = value / base
    ratio[(ratio == 0) | ~np.isfinite(ratio)] = np.nan
    return ratio


def _median(ratio: Numbers, axes: tuple[int, ...]) -> Numbers:
    """The median of the numbers along axes, which are kept; 1 where there are none."""
    import numpy as np

    ordered = np.moveaxis(ratio, axes, range(-len(axes), 0)).reshape(
        *(size for axis, size in enumerate(ratio.shape) if axis not in axes), -1
    )
    ordered = np.sort(ordered, axis=-1)
    count = np.isfinite(ordered).sum(axis=-1, keepdims=True)
    middle = np.take_along_axis(ordered, np.maximum(count - 1, 0) // 2, axis=-1)[..., 0]
    found: Numbers = np.expand_dims(np.nan_to_num(middle, nan=1.0), axes)
    return found


def _bounds(value: Numbers, base: Numbers, middle: Numbers, dtype: str) -> tuple[Numbers, Numbers]:
    """The least and the largest factor that give each element; infinite for elements far from the median."""
    import numpy as np

    with np.errstate(all="ignore"):
        unit = np.exp2(np.maximum(np.frexp(value)[1] - MANTISSA[dtype], _SMALLEST[dtype]).astype(np.float64))
        one, other = (value - unit / 2) / base, (value + unit / 2) / base
        far = ~(np.abs(value - base * middle) <= _NEAR * unit) | (value == 0)
    low, high = np.minimum(one, other), np.maximum(one, other)
    low[far], high[far] = -np.inf, np.inf
    return low, high
