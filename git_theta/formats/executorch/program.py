"""The tensors of a program: constants, initial values of mutable tensors, and the data of delegates."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from git_theta.errors import FormatError
from git_theta.formats.base import Tensor
from git_theta.formats.executorch.segments import Segments, read_segments
from git_theta.formats.executorch.tensors import read_spec
from git_theta.formats.flatbuffers import FlatTable
from git_theta.model.tensor import TensorSpec

#: Values of all methods, as a bound on time: methods may share tables.
MAX_VALUES = 500_000

# Numbers of fields in https://github.com/pytorch/executorch/blob/main/schema/program.fbs, by table.
_PLANS, _BUFFERS, _SEGMENTS, _CONSTANTS, _MUTABLE, _NAMED = 1, 2, 4, 5, 6, 7
_VALUES, _DELEGATES = 2, 7
_KIND, _VALUE = 0, 1
_TYPE, _OFFSET, _SIZES, _ORDER, _INDEX, _ALLOCATION, _EXTRA = 0, 1, 2, 3, 5, 6, 9
_MUTABLE_INDEX, _NAME, _LOCATION = 0, 1, 2

#: The kind of a value that is a tensor; a tensor that is in another file; data in a segment.
_TENSOR, _EXTERNAL, _IN_SEGMENT = 5, 1, 1


@dataclass(frozen=True, slots=True)
class _Program:
    root: FlatTable
    segments: Segments


def program_tensors(root: FlatTable, base: int) -> list[Tensor]:
    """The tensors of a program by name; those of one name and place once.

    Args:
        root: The root of the tables.
        base: The position that segments' offsets count from.

    Raises:
        FormatError: A table is damaged, or a tensor leaves its data.
    """
    program = _Program(root, read_segments(root, _SEGMENTS, base))
    return list(dict.fromkeys((*_values(program), *_delegates(program), *_named(program))))


def _plans(program: _Program) -> Iterator[FlatTable]:
    left = MAX_VALUES
    for plan in program.root.tables(_PLANS):
        left -= 1 + plan.vector(_VALUES, 4)[1] + plan.vector(_DELEGATES, 4)[1]
        if left < 0:
            raise FormatError(f"more than {MAX_VALUES} values")
        yield plan


def _values(program: _Program) -> Iterator[Tensor]:
    for plan in _plans(program):
        for value in plan.tables(_VALUES):
            table = value.table(_VALUE) if value.number(_KIND, "B") == _TENSOR else None
            index = table.number(_INDEX, "I") if table else 0
            if table and index:
                found = _tensor(program, table, index)
                if found:
                    yield found


def _tensor(program: _Program, table: FlatTable, index: int) -> Tensor | None:
    extra, mutable = table.table(_EXTRA), table.table(_ALLOCATION) is not None
    described = read_spec(table, _TYPE, _SIZES, _ORDER)
    if described is None or (extra and extra.number(_LOCATION, "b") == _EXTERNAL):
        return None
    spec, strides = described
    skipped = table.number(_OFFSET, "i") * spec.item_size
    if skipped < 0:
        raise FormatError("a tensor begins before its data")
    if mutable:
        which = extra.number(_MUTABLE_INDEX, "Q") if extra else 0
        place = _in_subsegment(program, _item(program.root, _MUTABLE, which), index, skipped, spec.nbytes)
    elif constants := program.root.table(_CONSTANTS):
        place = _in_subsegment(program, constants, index, skipped, spec.nbytes)
    else:
        start, size = _item(program.root, _BUFFERS, index).vector(0, 1)
        if skipped + spec.nbytes > size:
            raise FormatError("a tensor is longer than its data")
        place = start + skipped
    name = (extra.text(_NAME) if extra else "") or f"{'mutable' if mutable else 'constant'}/{index}"
    return Tensor(name, spec, place, strides)


def _in_subsegment(program: _Program, table: FlatTable, index: int, skipped: int, size: int) -> int:
    """The position of a tensor, by the table that has the offsets of tensors in a segment."""
    start, count = table.vector(1, 8)
    if index >= count:
        raise FormatError(f"there's no tensor {index}")
    offset = int.from_bytes(table.data[start + 8 * index : start + 8 * index + 8], "little")
    return program.segments.part(table.number(0, "I"), offset + skipped, size)


def _item(table: FlatTable, field: int, index: int) -> FlatTable:
    """One of the tables in a vector."""
    start, count = table.vector(field, 4)
    if index >= count:
        raise FormatError(f"there's no item {index} in a vector of {count}")
    place = start + 4 * index
    return FlatTable(table.data, place + int.from_bytes(table.data[place : place + 4], "little"))


def _delegates(program: _Program) -> Iterator[Tensor]:
    """The data of delegates in segments, by the number of the segment."""
    for plan in _plans(program):
        for delegate in plan.tables(_DELEGATES):
            data = delegate.table(1)
            if data and data.number(0, "b") == _IN_SEGMENT:
                index = data.number(1, "I")
                yield _segment(program, f"delegate/{index}", index)


def _named(program: _Program) -> Iterator[Tensor]:
    """The data that delegates look up by a key."""
    if program.root.vector(_NAMED, 4)[1] > MAX_VALUES:
        raise FormatError(f"more than {MAX_VALUES} values")
    for each in program.root.tables(_NAMED):
        yield _segment(program, each.text(0), each.number(1, "I"))


def _segment(program: _Program, name: str, index: int) -> Tensor:
    start = program.segments.part(index, 0, 0)
    return Tensor(name, TensorSpec("U8", (program.segments.places[index][1],)), start)
