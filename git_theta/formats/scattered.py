"""Scattered tensors: views of so many rows that lie apart that the bytes between them are tensors, too."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from git_theta.formats.base import Tensor
from git_theta.model.tensor import TensorSpec

Interval = tuple[int, int]


@dataclass(frozen=True, slots=True)
class RunGrid:
    """The bytes of a tensor: equal runs, whose starts are those of a grid.

    Attributes:
        start: Position of the first run.
        run: Bytes of each run.
        grid: Distances of runs in bytes, and their numbers, from the smallest distance to the largest.
    """

    start: int
    run: int
    grid: tuple[tuple[int, int], ...]


def run_grid(tensor: Tensor) -> RunGrid:
    """The runs of a tensor that has elements, as long as possible."""
    run, start = tensor.spec.item_size, tensor.offset
    grid: list[tuple[int, int]] = []
    strides = tensor.spec.strides if tensor.strides is None else tensor.strides
    for step, stride, size in sorted(zip(map(abs, strides), strides, tensor.spec.shape, strict=True)):
        if size == 1:
            continue
        start += min(0, stride * (size - 1))
        if step == run and not grid:
            run *= size
        elif grid and step == grid[-1][0] * grid[-1][1]:
            grid[-1] = (grid[-1][0], grid[-1][1] * size)
        else:
            grid.append((step, size))
    return RunGrid(start, run, tuple(grid))


def between_rows(tensors: Iterable[Tensor], name: str) -> tuple[list[Interval], list[Tensor]]:
    """The ranges of a file that scattered tensors span, and tensors of the bytes that they leave out there.

    Tensors that are columns of one matrix are taken together. A tensor whose rows have more than one distance
    is left out.

    Args:
        tensors: Tensors of many runs.
        name: What the names of the new tensors begin with; their numbers follow.
    """
    matrices: dict[tuple[int, int], list[tuple[RunGrid, Tensor]]] = defaultdict(list)
    for tensor in tensors:
        rows = run_grid(tensor)
        if len(rows.grid) == 1 and rows.run < rows.grid[0][0]:
            matrices[rows.grid[0]].append((rows, tensor))
    spans: list[Interval] = []
    left_out: list[Tensor] = []
    for (step, count), members in matrices.items():
        for together in _matrices(members, step):
            origin = together[0][0].start
            end = max(rows.start - origin + rows.run for rows, _ in together)
            spans.append((origin, origin + step * (count - 1) + end))
            done = 0
            for rows, tensor in (*together, (RunGrid(origin + step, 0, ()), together[0][1])):
                column = rows.start - origin
                if column > done:
                    # The last row ends with the last column.
                    number = count if column < step else count - 1
                    place = _columns(tensor, origin + done, column - done, step, number)
                    left_out.append(Tensor(f"{name}{len(left_out)}", *place))
                done = max(done, column + rows.run)
    return spans, left_out


def _matrices(members: list[tuple[RunGrid, Tensor]], step: int) -> list[list[tuple[RunGrid, Tensor]]]:
    """Tensors whose rows have one distance and number, grouped by the matrix that they're columns of."""
    found: list[list[tuple[RunGrid, Tensor]]] = []
    origin = -step
    for member in sorted(members, key=lambda member: member[0].start):
        rows = member[0]
        if rows.start >= origin + step:
            found.append([member])
            origin = rows.start
        elif rows.start + rows.run <= origin + step:
            found[-1].append(member)
        else:
            # It begins in one row of the matrix, and ends in the next.
            found.insert(-1, [member])
    return found


def _columns(
    like: Tensor, offset: int, width: int, step: int, count: int
) -> tuple[TensorSpec, int, tuple[int, ...], bool]:
    """Spec, offset, strides and byte order of columns of a matrix, in the dtype of `like` if that fits."""
    item = like.spec.item_size
    if width % item == 0:
        spec, big_endian = TensorSpec(like.spec.dtype, (count, width // item)), like.big_endian
    else:
        spec, big_endian = TensorSpec("U8", (count, width)), False
    return spec, offset, (step, spec.item_size), big_endian
