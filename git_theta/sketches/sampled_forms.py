"""Sampled forms: where the sampled elements of a stored tensor would lie in a new one of another form.

A form is a guess from two shapes: the new tensor may be the transposed one, have the stored one as a block,
be a block of it, or share a corner with it. Sampled elements are then compared at the places of the form.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import permutations
from typing import TYPE_CHECKING

from git_theta.model.tensor import TensorSpec
from git_theta.sketches.sketch import sample_count, sample_positions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Indices = NDArray[np.int64]

#: The fewest sampled elements that tell whether a form fits.
_MIN_SAMPLES = 12

#: The most blocks that a fused or stacked tensor may have, if they're equal and if they aren't.
_MAX_BLOCKS = 128
_MAX_UNEQUAL = 8

#: The number of dimensions of tensors whose dimensions may have another order.
_MAX_PERMUTED = 4

#: The least share of a new tensor's elements that are in the corner that a stored one has, too.
_MIN_CORNER = 0.5


@dataclass(frozen=True, slots=True)
class Extent:
    """The part of a new tensor that a stored one gives.

    Attributes:
        axis: The dimension along which other parts may follow.
        start: First index along this dimension.
        stop: Index after the last.
    """

    axis: int
    start: int
    stop: int

    def share(self, shape: tuple[int, ...]) -> float:
        """The share of a tensor's elements, from 0 to 1."""
        return (self.stop - self.start) / shape[self.axis] if shape else 1.0

    def overlaps(self, other: Extent) -> bool:
        """Whether both give the same elements, or are parts along different dimensions."""
        return self.axis != other.axis or (self.start < other.stop and other.start < self.stop)


@dataclass(frozen=True, eq=False, slots=True)
class SampledForm:
    """Places of sampled elements in both tensors.

    Attributes:
        extent: The part of the new tensor that the stored one gives.
        samples: Indices into the keys of the stored tensor's sketch, ascending.
        positions: Flat indices of the same elements in the new tensor.
        in_order: Whether both tensors have the same elements in the same order.
    """

    extent: Extent
    samples: Indices
    positions: Indices
    in_order: bool = False


@lru_cache(maxsize=256)
def same_order(spec: TensorSpec) -> SampledForm:
    """The form of stored tensors that have the same elements in the same order.

    Args:
        spec: Dtype and shape of the stored tensors.
    """
    import numpy as np

    samples = sample_count(spec)
    positions = sample_positions(spec.nbytes // spec.word_size, samples)
    return SampledForm(_whole(spec.shape), np.arange(samples), positions, in_order=True)


@lru_cache(maxsize=64)
def other_forms(spec: TensorSpec, stored: TensorSpec) -> tuple[SampledForm, ...]:
    """All forms by which tensors of two shapes may have elements in common, but for the same order.

    Args:
        spec: Dtype and shape of the new tensor.
        stored: Dtype and shape of the stored one.
    """
    import numpy as np

    if not spec.count or stored.word_size != stored.item_size or spec.word_size != spec.item_size:
        return ()
    positions = sample_positions(stored.count, sample_count(stored))
    places = np.unravel_index(positions, stored.shape)
    found = (
        _aligned(extent, coordinates, spec.shape)
        for extent, coordinates in _forms(spec.shape, stored.shape, places)
    )
    return tuple(form for form in found if len(form.samples) >= _MIN_SAMPLES)


#: The indices of some elements along each dimension.
Coordinates = Sequence["NDArray[np.integer]"]


def _forms(
    shape: tuple[int, ...], stored: tuple[int, ...], places: Coordinates
) -> Iterator[tuple[Extent, Coordinates]]:
    """For each form, the part that the stored tensor gives, and where its elements are in the new one.

    Coordinates outside of the new tensor are of elements that it doesn't have.
    """
    if len(shape) == len(stored):
        yield from _permuted(shape, stored, places)
        differing = [
            axis for axis, (size, other) in enumerate(zip(shape, stored, strict=True)) if size != other
        ]
        if len(differing) == 1:
            yield from _blocks(shape, stored, places, differing[0])
        elif differing and _shares_corner(shape, stored):
            yield _whole(shape), places
        if len(shape) == 2 and shape != stored[::-1]:
            # The transposed matrix may be a block, as in libraries that store matrices the other way.
            differing = [axis for axis in (0, 1) if shape[axis] != stored[1 - axis]]
            if len(differing) == 1:
                yield from _blocks(shape, stored[::-1], places[::-1], *differing)
    elif shape[1:] == stored and shape[0] <= _MAX_BLOCKS:
        for index in range(shape[0]):
            yield Extent(0, index, index + 1), [_constant(places, index), *places]
    elif stored[1:] == shape and stored[0] <= _MAX_BLOCKS:
        for index in range(stored[0]):
            yield _whole(shape), [_only(places[0] == index, places[1]), *places[2:]]


def _permuted(
    shape: tuple[int, ...], stored: tuple[int, ...], places: Coordinates
) -> Iterator[tuple[Extent, Coordinates]]:
    axes = tuple(range(len(shape)))
    if 1 < len(axes) <= _MAX_PERMUTED and sorted(shape) == sorted(stored):
        for order in permutations(axes):
            if order != axes and tuple(stored[axis] for axis in order) == shape:
                yield _whole(shape), [places[axis] for axis in order]


def _blocks(
    shape: tuple[int, ...], stored: tuple[int, ...], places: Coordinates, axis: int
) -> Iterator[tuple[Extent, Coordinates]]:
    """Forms of tensors that differ in one size: the smaller one is somewhere in the larger one.

    Places are multiples of the smaller size, as those of queries, keys and values that were fused.
    """
    size, other = shape[axis], stored[axis]
    if not min(size, other):
        return
    count, rest = divmod(max(size, other), min(size, other))
    if count > (_MAX_UNEQUAL if rest else _MAX_BLOCKS):
        return
    for block in range(count):
        start = block * min(size, other)
        if other < size:
            moved = places[axis] + start
            yield Extent(axis, start, start + other), [*places[:axis], moved, *places[axis + 1 :]]
        else:
            yield _whole(shape), [*places[:axis], places[axis] - start, *places[axis + 1 :]]


def _shares_corner(shape: tuple[int, ...], stored: tuple[int, ...]) -> bool:
    return math.prod(map(min, shape, stored)) >= _MIN_CORNER * math.prod(shape)


def _aligned(extent: Extent, coordinates: Coordinates, shape: tuple[int, ...]) -> SampledForm:
    import numpy as np

    inside = np.logical_and.reduce(
        [(index >= 0) & (index < size) for index, size in zip(coordinates, shape, strict=True)]
    )
    samples = np.flatnonzero(inside)
    positions = np.ravel_multi_index([index[samples] for index in coordinates], shape)
    return SampledForm(extent, samples.astype(np.int64), positions.astype(np.int64))


def _whole(shape: tuple[int, ...]) -> Extent:
    return Extent(0, 0, shape[0] if shape else 1)


def _constant(places: Coordinates, index: int) -> NDArray[np.integer]:
    import numpy as np

    return np.full_like(places[0], index)


def _only(wanted: NDArray[np.bool_], places: NDArray[np.integer]) -> NDArray[np.integer]:
    """The places of wanted elements, and one outside of any tensor for the others."""
    import numpy as np

    return np.where(wanted, places, -1)
