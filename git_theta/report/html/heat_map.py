"""Where in a model the change is: a grid of modules and layers whose cells have a magnitude.

A stack is what a model repeats: names that begin alike, then have a number, the layer. A row of its grid
is what follows the number, such as `attention.self.query.weight`; further numbers in it are folded if
there are many. A cell of several parameters has the magnitude of those together that changed. Parameters
that are in no stack are the rows of a grid of one column.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import reduce
from operator import add

from git_theta.report.change import ChangeKind, FileChange, ParameterChange
from git_theta.report.distance import Distance
from git_theta.report.fold import natural
from git_theta.report.html.cell_text import name_text, percent
from git_theta.report.html.parameter_table import measured
from git_theta.report.text import human_size

#: Steps of the scale.
LEVELS = 10

#: A logarithmic scale begins at most so far below its end.
_SPAN = 1e-4

_MOST_COLUMNS = 96
_MOST_ROWS = 160
_MOST_CELLS = 12_000

#: Up to so many rows, numbers within a layer have rows of their own.
_SPELLED_OUT = 48

_NUMBER = re.compile(r"(0|[1-9][0-9]{0,8})")
_PARTS = re.compile(r"([./])")

_SIGNS = {ChangeKind.ADDED: "+", ChangeKind.REMOVED: "\N{MINUS SIGN}", ChangeKind.RENAMED: "→"}


@dataclass(frozen=True, slots=True)
class HeatCell:
    """A cell.

    Attributes:
        style: `none` for nothing there, `same`, `level0` and on, or `other` for what has no magnitude.
        text: What it says; empty where nothing changed.
        hint: The same in full.
    """

    style: str
    text: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class HeatRow:
    """A row: the part of its name that the row above has too, the rest of the name, cells."""

    shared: str
    name: str
    cells: tuple[HeatCell, ...]


@dataclass(frozen=True, slots=True)
class Grid:
    """A grid.

    Attributes:
        stack: What the names in it begin with; empty for the parameters that are in no stack.
        columns: Layers, such as `3`, or `4-7` where they're too many.
        rows: By name.
        hidden: How many rows are left out: those that changed least.
    """

    stack: str
    columns: tuple[str, ...]
    rows: tuple[HeatRow, ...]
    hidden: int


@dataclass(frozen=True, slots=True)
class HeatMap:
    """Grids of one scale.

    Attributes:
        measure: What the colours show.
        low: Where the scale begins.
        high: Where it ends.
        grids: Stacks first.
    """

    measure: str
    low: str
    high: str
    grids: tuple[Grid, ...]


@dataclass(frozen=True, slots=True)
class _Item:
    """A parameter: its name, and what happened to it, if anything did."""

    name: str
    nbytes: int
    row: ParameterChange | None


#: The magnitude of what happened to some parameters, `None` where it has none.
_Magnitude = Callable[[tuple[_Item, ...]], float | None]


def heat_map(change: FileChange) -> HeatMap | None:
    """The heat map of a change; `None` if nothing in it changed, or all of it is new or gone."""
    items = _items(change)
    if not change.rows or change.old.manifest is None or change.new.manifest is None:
        return None
    magnitude, measure = _measure(change)
    stacks, loose = _stacks(items)
    drafts = [_draft(prefix, members) for prefix, members in stacks.items()]
    if loose:
        drafts.append(_Draft("", ("",), {item.name: {0: (item,)} for item in loose}))
    scale = _Scale(
        [value for draft in drafts for value in draft.magnitudes(magnitude)], bool(change.measured)
    )
    room, grids = _MOST_CELLS, []
    for draft in drafts:
        most = min(_MOST_ROWS, room // len(draft.columns))
        grids.append(draft.grid(magnitude, scale, most))
        room -= len(grids[-1].rows) * len(draft.columns)
    return HeatMap(measure, percent(scale.low), percent(scale.high), tuple(grids))


def _items(change: FileChange) -> list[_Item]:
    """Every parameter, whether it changed or not, in the order of names."""
    rows = {row.names[-1]: row for row in change.rows}
    found = [_Item(name, row.nbytes, row) for name, row in rows.items()]
    if change.new.manifest:
        same = (entry for entry in change.new.manifest.entries if entry.name not in rows)
        found += [_Item(entry.name, entry.spec.nbytes, None) for entry in same]
    return sorted(found, key=lambda item: natural(item.name))


# What the colours show


def _measure(change: FileChange) -> tuple[_Magnitude, str]:
    if change.measured:
        return lambda items: _relative(items, change), "change relative to the old norm"
    if change.stored is not None:
        return _stored, "newly stored bytes, of those of the values"
    return _changed, "changed bytes, of all"


def _relative(items: tuple[_Item, ...], change: FileChange) -> float | None:
    found = [sums for item in items if item.row and (sums := measured(item.row, change))]
    return reduce(add, found, Distance()).relative


def _stored(items: tuple[_Item, ...]) -> float | None:
    rows = [item.row for item in items if item.row and item.row.kind not in _SIGNS]
    known = [row.stored for row in rows if row.stored is not None]
    return sum(known) / (sum(item.nbytes for item in items) or 1) if known else None


def _changed(items: tuple[_Item, ...]) -> float | None:
    changed = sum(item.nbytes for item in items if item.row and item.row.kind not in _SIGNS)
    return changed / (sum(item.nbytes for item in items) or 1) if changed else None


class _Scale:
    """Magnitudes as levels: in equal steps, or in steps of equal ratios."""

    def __init__(self, values: list[float], logarithmic: bool) -> None:
        positive = [value for value in values if value > 0]
        self.high = max(positive, default=1.0) if logarithmic else 1.0
        self.low = max(min(positive, default=1.0), self.high * _SPAN) if logarithmic else 0.0
        self._logarithmic = logarithmic

    def level(self, value: float) -> int:
        if not self._logarithmic:
            share = value
        elif value <= self.low:
            share = 0.0 if self.low < self.high else 1.0
        else:
            share = math.log(value / self.low) / math.log(self.high / self.low)
        return max(0, min(LEVELS - 1, int(share * LEVELS)))


# Rows and columns


def _stacks(items: Iterable[_Item]) -> tuple[dict[str, list[tuple[int, str, _Item]]], list[_Item]]:
    """Layer, rest of the name and item of what is in a stack, by the beginning of the name; and the others.

    A number that is the same in all names that begin alike is no layer; then the next one may be.
    """
    found: dict[str, list[tuple[int, str, _Item]]] = {}
    loose: list[_Item] = []
    waiting = [(item, _PARTS.split(item.name), 0) for item in items]
    while waiting:
        groups: dict[str, list[tuple[_Item, list[str], int]]] = {}
        for item, parts, start in waiting:
            at = next((i for i in range(start, len(parts), 2) if _NUMBER.fullmatch(parts[i])), None)
            if at is None:
                loose.append(item)
            else:
                groups.setdefault("".join(parts[:at]), []).append((item, parts, at))
        waiting = []
        for prefix, members in groups.items():
            if len({parts[at] for _, parts, at in members}) < 2:
                waiting += [(item, parts, at + 2) for item, parts, at in members]
                continue
            stack = found.setdefault(prefix, [])
            stack += [(int(parts[at]), "".join(parts[at + 2 :]), item) for item, parts, at in members]
    loose.sort(key=lambda item: natural(item.name))
    return dict(sorted(found.items(), key=lambda pair: natural(pair[0]))), loose


@dataclass(frozen=True, slots=True)
class _Draft:
    """A grid before it has colours: parameters by row and column."""

    stack: str
    columns: tuple[str, ...]
    rows: dict[str, dict[int, tuple[_Item, ...]]]

    def magnitudes(self, magnitude: _Magnitude) -> list[float]:
        found = (magnitude(items) for row in self.rows.values() for items in row.values())
        return [value for value in found if value is not None]

    def grid(self, magnitude: _Magnitude, scale: _Scale, most: int) -> Grid:
        names = list(self.rows)
        if len(names) > most:
            weights = {name: self._weight(name, magnitude) for name in names}
            kept = set(sorted(names, key=lambda name: weights[name], reverse=True)[:most])
            names = [name for name in names if name in kept]
        rows, before = [], ""
        for name in names:
            shared = _shared(before, name)
            cells = tuple(
                _cell(self.rows[name].get(index, ()), magnitude, scale) for index in range(len(self.columns))
            )
            rows.append(HeatRow(name_text(shared) if shared else "", name_text(name[len(shared) :]), cells))
            before = name
        return Grid(name_text(self.stack.rstrip("./")), self.columns, tuple(rows), len(self.rows) - len(rows))

    def _weight(self, name: str, magnitude: _Magnitude) -> tuple[bool, float]:
        cells = self.rows[name].values()
        changed = any(item.row for items in cells for item in items)
        return changed, max((magnitude(items) or 0.0 for items in cells), default=0.0)


def _draft(prefix: str, members: list[tuple[int, str, _Item]]) -> _Draft:
    layers = sorted({layer for layer, _, _ in members})
    width = -(-len(layers) // _MOST_COLUMNS)
    bins = [layers[at : at + width] for at in range(0, len(layers), width)]
    column = {layer: index for index, layers in enumerate(bins) for layer in layers}
    if len({rest for _, rest, _ in members}) > _SPELLED_OUT:
        members = [(layer, _folded(rest), item) for layer, rest, item in members]
    found: dict[str, dict[int, list[_Item]]] = {}
    for layer, rest, item in members:
        found.setdefault(rest or "(value)", {}).setdefault(column[layer], []).append(item)
    rows = {
        name: {index: tuple(items) for index, items in found[name].items()}
        for name in sorted(found, key=natural)
    }
    names = (str(b[0]) if len(b) == 1 else f"{b[0]}-{b[-1]}" for b in bins)
    return _Draft(prefix, tuple(names), rows)


def _folded(name: str) -> str:
    return "".join("*" if _NUMBER.fullmatch(part) else part for part in _PARTS.split(name))


def _shared(before: str, name: str) -> str:
    """The parts that a name has in common with the one before, its last part never."""
    one, other = _PARTS.split(before), _PARTS.split(name)
    count = 0
    while (
        count + 2 < len(other) and count + 2 < len(one) and one[count : count + 2] == other[count : count + 2]
    ):
        count += 2
    return "".join(other[:count])


def _cell(items: tuple[_Item, ...], magnitude: _Magnitude, scale: _Scale) -> HeatCell:
    if not items:
        return HeatCell("none")
    kinds = dict.fromkeys(item.row.kind for item in items if item.row)
    if not kinds:
        return HeatCell("same")
    value = magnitude(items)
    count = sum(item.row is not None for item in items)
    said = "/".join(kind.value for kind in kinds)
    if len(items) > 1:
        said = f"{count} of {len(items)} {said}"
    said += f", {human_size(sum(item.nbytes for item in items))}"
    if value is None:
        text = _SIGNS.get(next(iter(kinds)), "•") if len(kinds) == 1 else "•"
        return HeatCell("other", text, said)
    return HeatCell(f"level{scale.level(value)}", percent(value), f"{said}: {percent(value)}")
