"""Parameters in grids of modules and layers.

A stack is what a model repeats: parameters whose names begin alike and then have a number, the layer. A row
of its grid is the rest of the name, such as `attention.self.query.weight`; further numbers in that are folded
if there are many rows. Parameters that are in no stack are the rows of a grid of one column.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from git_theta.report.change import ParameterChange
from git_theta.report.fold import natural

_MAX_COLUMNS = 96

#: Largest number of rows with which numbers within a layer have rows of their own.
_MAX_SPELLED_OUT = 48

_NUMBER = re.compile(r"(0|[1-9][0-9]{0,8})")
_SEPARATOR = re.compile(r"([./])")


@dataclass(frozen=True, slots=True)
class GridParameter:
    """A parameter of a grid.

    Attributes:
        name: Name in the new version; in the old one if the parameter was removed.
        nbytes: Bytes of the value.
        change: What happened to it; `None` if nothing did.
    """

    name: str
    nbytes: int
    change: ParameterChange | None


#: Parameters of one cell, in the order of names.
Parameters = tuple[GridParameter, ...]


@dataclass(frozen=True, slots=True)
class LayerGrid:
    """Parameters by row and column.

    Attributes:
        stack: The beginning of all names in the grid; empty for the parameters that are in no stack.
        columns: Layers, such as `3`, or `4-7` where they're too many.
        rows: Name of a row → index of a column → the parameters there.
    """

    stack: str
    columns: tuple[str, ...]
    rows: Mapping[str, Mapping[int, Parameters]]


@dataclass(frozen=True, slots=True)
class _Member:
    """A parameter of a stack: its layer, and the rest of its name."""

    layer: int
    rest: str
    parameter: GridParameter


@dataclass(frozen=True, slots=True)
class _Begun:
    """A parameter whose name is read up to a part.

    Attributes:
        parameter: The parameter.
        parts: All parts of its name, separators among them.
        start: Index of the first part that isn't read.
    """

    parameter: GridParameter
    parts: list[str]
    start: int = 0

    def next_number(self) -> int | None:
        """The index of the next part that is a number."""
        indices = range(self.start, len(self.parts), 2)
        return next((index for index in indices if _NUMBER.fullmatch(self.parts[index])), None)

    def at(self, start: int) -> _Begun:
        """The same parameter, read further."""
        return replace(self, start=start)


def layer_grids(parameters: Iterable[GridParameter]) -> list[LayerGrid]:
    """The grids that show parameters: stacks by name, then the parameters that are in none."""
    stacks, others = _stacks(parameters)
    grids = [_stack_grid(prefix, members) for prefix, members in stacks.items()]
    if others:
        grids.append(LayerGrid("", ("",), {each.name: {0: (each,)} for each in others}))
    return grids


def shared_parts(before: str, name: str) -> str:
    """The parts that a name has in common with the name in the row above; its last part never."""
    one, other = _SEPARATOR.split(before), _SEPARATOR.split(name)
    count = 0
    while (
        count + 2 < len(other) and count + 2 < len(one) and one[count : count + 2] == other[count : count + 2]
    ):
        count += 2
    return "".join(other[:count])


def _stacks(parameters: Iterable[GridParameter]) -> tuple[dict[str, list[_Member]], list[GridParameter]]:
    """Members of each stack by the beginning of their names, and the parameters that are in no stack.

    A number that is the same in all names that begin alike is no layer; then the next number may be.
    """
    found: dict[str, list[_Member]] = {}
    others: list[GridParameter] = []
    begun = [[_Begun(each, _SEPARATOR.split(each.name)) for each in parameters]]
    while begun:
        alike: dict[tuple[int, tuple[str, ...]], list[_Begun]] = {}
        for group, names in enumerate(begun):
            for name in names:
                index = name.next_number()
                if index is None or len(names) == 1:
                    others.append(name.parameter)
                else:
                    # Names of a group have the same beginning: comparing what follows takes time once.
                    alike.setdefault((group, tuple(name.parts[name.start : index])), []).append(
                        name.at(index)
                    )
        begun = []
        for names in alike.values():
            if len({name.parts[name.start] for name in names}) < 2:
                begun.append([name.at(name.start + 2) for name in names])
                continue
            prefix = "".join(names[0].parts[: names[0].start])
            found[prefix] = [
                _Member(int(name.parts[name.start]), "".join(name.parts[name.start + 2 :]), name.parameter)
                for name in names
            ]
    others.sort(key=lambda each: natural(each.name))
    return dict(sorted(found.items(), key=lambda pair: natural(pair[0]))), others


def _stack_grid(prefix: str, members: list[_Member]) -> LayerGrid:
    bins = _bins(sorted({member.layer for member in members}))
    column = {layer: index for index, layers in enumerate(bins) for layer in layers}
    folded = len({member.rest for member in members}) > _MAX_SPELLED_OUT
    found: dict[str, dict[int, list[GridParameter]]] = {}
    for member in members:
        name = (_folded(member.rest) if folded else member.rest) or "(value)"
        found.setdefault(name, {}).setdefault(column[member.layer], []).append(member.parameter)
    rows = {
        name: {index: tuple(items) for index, items in found[name].items()}
        for name in sorted(found, key=natural)
    }
    columns = (str(each[0]) if len(each) == 1 else f"{each[0]}-{each[-1]}" for each in bins)
    return LayerGrid(prefix, tuple(columns), rows)


def _bins(layers: list[int]) -> list[list[int]]:
    """Neighbouring layers that share a column."""
    width = -(-len(layers) // _MAX_COLUMNS)
    return [layers[start : start + width] for start in range(0, len(layers), width)]


def _folded(name: str) -> str:
    return "".join("*" if _NUMBER.fullmatch(part) else part for part in _SEPARATOR.split(name))
