"""Strided copies: blocks of elements that a value takes from another one, at regular steps in both."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from git_theta.errors import CorruptError
from git_theta.model.tensor import MAX_BYTES

#: Most dimensions of a copy: enough to permute those of a kernel of three dimensions.
MAX_COPY_DIMENSIONS = 6


class Dimension(NamedTuple):
    """A dimension of a copy.

    Attributes:
        size: Number of indices.
        source_step: Elements from one index to the next in the source; 0 repeats them.
        target_step: Elements from one index to the next in the value.
    """

    size: int
    source_step: int
    target_step: int


@dataclass(frozen=True, slots=True)
class StridedCopy:
    """A block of elements, and where it goes. Positions count elements.

    Attributes:
        source: Position of the first element in the source.
        target: Its position in the value.
        dimensions: In any order; a step of each is longer than all those together whose steps are shorter.
    """

    source: int
    target: int
    dimensions: tuple[Dimension, ...]

    @property
    def count(self) -> int:
        """Number of elements."""
        count = 1
        for dimension in self.dimensions:
            count *= dimension.size
        return count

    @property
    def source_end(self) -> int:
        """Position after the last element in the source."""
        return self.source + 1 + sum((size - 1) * step for size, step, _ in self.dimensions)

    @property
    def target_end(self) -> int:
        """Position after the last element in the value."""
        return self.target + 1 + sum((size - 1) * step for size, _, step in self.dimensions)

    @property
    def is_nested(self) -> bool:
        """Whether on both sides, each step is longer than all indices of the shorter ones together."""
        return _is_nested([(step, size) for size, step, _ in self.dimensions]) and _is_nested(
            [(step, size) for size, _, step in self.dimensions]
        )

    def field(self) -> list[int]:
        """The form of a payload's header; the inverse of `parse_copy`."""
        numbers = [self.source, self.target]
        for dimension in self.dimensions:
            numbers += dimension
        return numbers

    def within_source(self, start: int, end: int) -> Iterator[StridedCopy]:
        """The parts whose positions in the source are in a range."""
        steps = [dimension.source_step for dimension in self.dimensions]
        return self._within(self.source, steps, start, end)

    def within_target(self, start: int, end: int) -> Iterator[StridedCopy]:
        """The parts whose positions in the value are in a range."""
        steps = [dimension.target_step for dimension in self.dimensions]
        return self._within(self.target, steps, start, end)

    def _within(self, first: int, steps: list[int], start: int, end: int) -> Iterator[StridedCopy]:
        """The parts in a range; `first` and `steps` are of the side that the range is on."""
        sizes = [dimension.size for dimension in self.dimensions]
        last = first + sum((size - 1) * step for size, step in zip(sizes, steps, strict=True))
        if last < start or first >= end:
            return
        if start <= first and last < end:
            yield self
            return
        # Outside of the range on one side at least: some dimension has a step, and the longest is outermost.
        outer = max(range(len(steps)), key=lambda at: (steps[at], sizes[at]))
        step, size = steps[outer], sizes[outer]
        inner = last - first - (size - 1) * step + 1
        whole = range(max(0, -((first - start) // step)), min(size, (end - inner - first) // step + 1))
        touched = range(max(0, (start - first - inner) // step + 1), min(size, -((first - end) // step)))
        if whole:
            yield self._part(outer, whole)
        for index in touched:
            if index not in whole:
                part = self._part(outer, range(index, index + 1))
                yield from part._within(
                    first + index * step, [*steps[:outer], 0, *steps[outer + 1 :]], start, end
                )

    def _part(self, at: int, indices: range) -> StridedCopy:
        """The part with some of the indices of one dimension."""
        _, source_step, target_step = self.dimensions[at]
        dimension = Dimension(len(indices), source_step, target_step)
        return StridedCopy(
            self.source + indices.start * source_step,
            self.target + indices.start * target_step,
            (*self.dimensions[:at], dimension, *self.dimensions[at + 1 :]),
        )


def parse_copy(numbers: object, source_count: int, target_count: int) -> StridedCopy:
    """The copy in a payload's header.

    Args:
        numbers: Positions in source and value, then count and two steps of each dimension.
        source_count: Elements of the source.
        target_count: Elements of the value.

    Raises:
        CorruptError: The numbers make no copy, or one that leads out of the source or the value.
    """
    if (
        not isinstance(numbers, list)
        or len(numbers) % 3 != 2
        or len(numbers) > 2 + 3 * MAX_COPY_DIMENSIONS
        or not all(type(number) is int and 0 <= number <= MAX_BYTES for number in numbers)
    ):
        raise CorruptError("the payload's copies make no sense")
    sides = zip(numbers[2::3], numbers[3::3], numbers[4::3], strict=True)
    copy = StridedCopy(numbers[0], numbers[1], tuple(Dimension(*three) for three in sides))
    if (
        not all(size > 0 and step > 0 for size, _, step in copy.dimensions)
        or copy.source_end > source_count
        or copy.target_end > target_count
        or not copy.is_nested
    ):
        raise CorruptError("the payload's copies lead out of the value or of an input")
    return copy


def _is_nested(steps: list[tuple[int, int]]) -> bool:
    """Whether each step is longer than all indices of the shorter ones together; steps of 0 only repeat."""
    extent = 1
    for step, size in sorted(steps):
        if step and size > 1 and step < extent:
            return False
        extent += (size - 1) * step
    return True
