"""Copies between arrays in different orders of elements, tile by tile.

Between a transposed array and a contiguous one, numpy goes along one of the two orders, and each step along
the other one is a new line of the cache. A tile of both fits into the cache.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

#: Elements of a tile along the axis that is contiguous in one array, and in the other one.
_TILE: Final = (64, 256)

#: Elements of the smallest tile that is worth a call.
_LEAST_TILE: Final = 2048

#: Bytes of the smallest array that isn't in the cache as a whole.
_LEAST_BYTES: Final = 1 << 18


def copy_elements(target: NDArray[Any], source: NDArray[Any]) -> None:
    """Copy all elements of an array to one of the same shape, whatever the strides of both.

    Args:
        target: The array to fill; its elements don't overlap.
        source: The array to read, of the same dtype, or in the other byte order.
    """
    axes = _axes(target, source)
    if axes is None:
        target[...] = source
        return
    for tile in _tiles(target.shape, axes):
        target[tile] = source[tile]


def _axes(target: NDArray[Any], source: NDArray[Any]) -> tuple[int, int] | None:
    """The axes along which the two arrays are most contiguous, if they differ and tiles are worth it."""
    if target.nbytes < _LEAST_BYTES:
        return None
    axes = (_fastest(source), _fastest(target))
    if axes[0] == axes[1]:
        return None
    least = 1
    for axis, size in zip(axes, _TILE, strict=True):
        least *= min(size, target.shape[axis])
    return axes if least >= _LEAST_TILE else None


def _fastest(array: NDArray[Any]) -> int:
    """The axis of the smallest step, of those with several elements."""
    several = [axis for axis, size in enumerate(array.shape) if size > 1]
    return min(several, key=lambda axis: abs(array.strides[axis]), default=0)


def _tiles(shape: tuple[int, ...], axes: tuple[int, int]) -> Iterator[tuple[slice | int, ...]]:
    """Indices that cover an array of a shape once: tiles along two axes, single elements along the others."""
    ranges: list[Any] = [range(size) for size in shape]
    for axis, step in zip(axes, _TILE, strict=True):
        ranges[axis] = [slice(start, start + step) for start in range(0, shape[axis], step)]
    return product(*ranges)
