"""Where in a model the change is: grids of modules and layers whose cells have a colour.

The colour is a magnitude, on one scale for all grids. A cell of several parameters has the magnitude of those
together that changed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import reduce
from operator import add

from git_theta.report.change import ChangeKind, CheckpointChange
from git_theta.report.distance import Distance
from git_theta.report.fold import natural
from git_theta.report.html.cell_text import name_text, percent
from git_theta.report.html.layer_grid import GridParameter, LayerGrid, Parameters, layer_grids, shared_parts
from git_theta.report.html.parameter_table import measured
from git_theta.report.text import human_size

#: Colours of the scale.
LEVELS = 10

#: A logarithmic scale begins at most so far below its end.
_SPAN = 1e-4

_MAX_ROWS = 160
_MAX_CELLS = 12_000

_SIGNS = {
    ChangeKind.ADDED: "+",
    ChangeKind.REMOVED: "\N{MINUS SIGN}",
    ChangeKind.RENAMED: "→",
    ChangeKind.MOVED: "→",
}


@dataclass(frozen=True, slots=True)
class HeatCell:
    """A cell.

    Attributes:
        style: `none` without parameters, `same`, `level0` and on, or `other` for changes without a magnitude.
        text: The text in the cell; empty where nothing changed.
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
class HeatGrid:
    """A grid.

    Attributes:
        stack: The beginning of the names in it; empty for the parameters that are in no stack.
        columns: Layers, such as `3`, or `4-7` where they're too many.
        rows: Rows in the order of their names.
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
    grids: tuple[HeatGrid, ...]


#: The magnitude of the change of some parameters, `None` where it has none.
_Magnitude = Callable[[Parameters], float | None]


def heat_map(change: CheckpointChange) -> HeatMap | None:
    """The heat map of a change; `None` if nothing in it changed, or all of it is new or gone."""
    if not change.rows or change.old.manifest is None or change.new.manifest is None:
        return None
    magnitude, measure = _measure(change)
    layouts = layer_grids(_parameters(change))
    values = (magnitude(cell) for layout in layouts for row in layout.rows.values() for cell in row.values())
    scale = _scale((value for value in values if value is not None), logarithmic=bool(change.measured))
    room, grids = _MAX_CELLS, []
    for layout in layouts:
        most = min(_MAX_ROWS, room // len(layout.columns))
        grids.append(_coloured(layout, magnitude, scale, most))
        room -= len(grids[-1].rows) * len(layout.columns)
    return HeatMap(measure, percent(scale.low), percent(scale.high), tuple(grids))


def _parameters(change: CheckpointChange) -> list[GridParameter]:
    """Every parameter, whether it changed or not, in the order of names."""
    rows = {row.names[-1]: row for row in change.rows}
    found = [GridParameter(name, row.nbytes, row) for name, row in rows.items()]
    if change.new.manifest:
        same = (entry for entry in change.new.manifest.entries if entry.name not in rows)
        found += [GridParameter(entry.name, entry.spec.nbytes, None) for entry in same]
    return sorted(found, key=lambda each: natural(each.name))


# The magnitude of a change


def _measure(change: CheckpointChange) -> tuple[_Magnitude, str]:
    """The magnitude that the colours show, and its description: the best that is known of the change."""
    if change.measured:
        return lambda parameters: _relative(parameters, change), "change relative to the old norm"
    if change.stored is not None:
        return _stored, "newly stored bytes, of those of the values"
    return _changed, "changed bytes, of all"


def _relative(parameters: Parameters, change: CheckpointChange) -> float | None:
    found = [sums for each in parameters if each.change and (sums := measured(each.change, change))]
    return reduce(add, found, Distance()).relative


def _stored(parameters: Parameters) -> float | None:
    rows = [each.change for each in parameters if each.change and each.change.kind not in _SIGNS]
    known = [row.stored for row in rows if row.stored is not None]
    return sum(known) / _nbytes(parameters) if known else None


def _changed(parameters: Parameters) -> float | None:
    changed = sum(each.nbytes for each in parameters if each.change and each.change.kind not in _SIGNS)
    return changed / _nbytes(parameters) if changed else None


def _nbytes(parameters: Parameters) -> int:
    """Bytes of all values, at least 1, to divide by."""
    return sum(each.nbytes for each in parameters) or 1


@dataclass(frozen=True, slots=True)
class _Scale:
    """Magnitudes as colours: in equal steps, or in steps of equal ratios."""

    low: float
    high: float
    logarithmic: bool

    def level(self, value: float) -> int:
        """The colour of a magnitude: an index less than `LEVELS`."""
        if not self.logarithmic:
            share = value
        elif value <= self.low:
            share = 0.0 if self.low < self.high else 1.0
        else:
            share = math.log(value / self.low) / math.log(self.high / self.low)
        return max(0, min(LEVELS - 1, int(share * LEVELS)))


def _scale(values: Iterable[float], *, logarithmic: bool) -> _Scale:
    """A scale from 0 to 1, or a logarithmic one of the values."""
    if not logarithmic:
        return _Scale(0.0, 1.0, logarithmic)
    positive = [value for value in values if value > 0]
    high = max(positive, default=1.0)
    return _Scale(max(min(positive, default=1.0), high * _SPAN), high, logarithmic)


# Rows and cells


def _coloured(layout: LayerGrid, magnitude: _Magnitude, scale: _Scale, most: int) -> HeatGrid:
    """A grid in colours, of the rows that changed most if there are more than `most`."""
    names = list(layout.rows)
    if len(names) > most:
        weights = {name: _weight(row.values(), magnitude) for name, row in layout.rows.items()}
        kept = set(sorted(names, key=lambda name: weights[name], reverse=True)[:most])
        names = [name for name in names if name in kept]
    rows, before = [], ""
    for name in names:
        row, shared = layout.rows[name], shared_parts(before, name)
        cells = (_cell(row.get(index, ()), magnitude, scale) for index in range(len(layout.columns)))
        heading = name_text(shared) if shared else "", name_text(name[len(shared) :])
        rows.append(HeatRow(*heading, tuple(cells)))
        before = name
    hidden = len(layout.rows) - len(rows)
    return HeatGrid(name_text(layout.stack.rstrip("./")), layout.columns, tuple(rows), hidden)


def _weight(cells: Iterable[Parameters], magnitude: _Magnitude) -> tuple[bool, float]:
    """A key that sorts rows by how much they changed."""
    found = list(cells)
    changed = any(each.change for cell in found for each in cell)
    return changed, max((magnitude(cell) or 0.0 for cell in found), default=0.0)


def _cell(parameters: Parameters, magnitude: _Magnitude, scale: _Scale) -> HeatCell:
    if not parameters:
        return HeatCell("none")
    kinds = dict.fromkeys(each.change.kind for each in parameters if each.change)
    if not kinds:
        return HeatCell("same")
    hint = "/".join(kind.value for kind in kinds)
    if len(parameters) > 1:
        count = sum(each.change is not None for each in parameters)
        hint = f"{count} of {len(parameters)} {hint}"
    hint += f", {human_size(sum(each.nbytes for each in parameters))}"
    value = magnitude(parameters)
    if value is None:
        text = _SIGNS.get(next(iter(kinds)), "•") if len(kinds) == 1 else "•"
        return HeatCell("other", text, hint)
    return HeatCell(f"level{scale.level(value)}", percent(value), f"{hint}: {percent(value)}")
