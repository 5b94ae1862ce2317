"""The elements of a value that numpy prints: all of a short array, the ends of a longer one."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from git_theta.model.tensor import TensorSpec, numpy_dtype
from git_theta.report.elements import element_blocks

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: numpy's own limits: elements of the longest array that isn't abridged, and those that an abridged one
#: keeps at each end of a dimension.
_WHOLE = 1000
_EDGE = 3

#: Elements that are looked at together.
_BLOCK = 1 << 19


def abridged(pieces: Iterable[memoryview], spec: TensorSpec) -> tuple[NDArray[Any], bool]:
    """The elements that numpy shows of a value, and whether any are left out.

    Of a value that is abridged, each longer dimension has its first and last three elements, and one between
    them that stands for the rest. Where even these are many, the value counts as a vector.

    Args:
        pieces: The logical bytes, in order, cut anywhere.
        spec: Dtype and shape.

    Raises:
        CorruptError: There are more or fewer bytes than the spec says.
    """
    import numpy as np

    dtype = numpy_dtype(spec.dtype)
    whole = spec.count <= _WHOLE
    shape = spec.shape if spec.count else (0,)
    if not whole and math.prod(min(size, 2 * _EDGE + 1) for size in shape) > _WHOLE * 10:
        shape = (spec.count,)
    wanted = _wanted(shape, whole)
    out = np.zeros(wanted.size, dtype)
    flat = wanted.ravel()
    start = 0
    for block in element_blocks(pieces, spec, _BLOCK):
        elements = np.frombuffer(block, dtype)
        low, high = np.searchsorted(flat, (start, start + elements.size))
        out[low:high] = elements[flat[low:high] - start]
        start += elements.size
    return out.reshape(wanted.shape), not whole


def _wanted(shape: tuple[int, ...], whole: bool) -> NDArray[Any]:
    """Flat indices of the elements to keep, ascending, in the shape of the abridged array."""
    import numpy as np

    found = np.zeros((), np.int64)
    for axis, size in enumerate(shape):
        step = math.prod(shape[axis + 1 :])
        found = found[..., None] + np.array(_kept(size, whole), np.int64) * step
    return found


def _kept(size: int, whole: bool) -> list[int]:
    """Indices along one dimension."""
    if whole or size <= 2 * _EDGE + 1:
        return list(range(size))
    return [*range(_EDGE + 1), *range(size - _EDGE, size)]
