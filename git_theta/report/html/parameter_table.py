"""The parameters of a change as rows of cells, and those beyond the limit as lines of text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from git_theta.report.change import ChangeKind, CheckpointChange, ParameterChange
from git_theta.report.distance import Distance
from git_theta.report.fold import natural
from git_theta.report.html.cell_text import four_digits, name_text, number_key, percent
from git_theta.report.text import human_size, shape_text

#: Lines of text after the table.
_MAX_LINES = 100_000


@dataclass(frozen=True, slots=True)
class Column:
    """A column.

    Attributes:
        key: Name of the column in the page's address, as in `#sort=relative`.
        title: Heading.
        numeric: Whether rows are sorted by number, the largest first.
        hint: Explanation of the heading.
    """

    key: str
    title: str
    numeric: bool
    hint: str


@dataclass(frozen=True, slots=True)
class Cell:
    """The text of a cell, and the number that it's sorted by; without a number, it's sorted by its text."""

    text: str
    key: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of a change.

    Attributes:
        columns: Columns for which the change has data.
        rows: Cells in the order of the columns.
        order: The key of the column that the rows are sorted by, the largest first; empty: by name.
        rest: Rows beyond the limit, one a line, their cells separated by tabs.
        dropped: How many rows are in neither.
        total: How many rows there are altogether.
    """

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    order: str
    rest: str
    dropped: int
    total: int


_NAME = Column("name", "Parameter", False, "name; numbers in it count as numbers")
_FACTS = (
    Column("kind", "Change", False, "what happened to it"),
    Column("dtype", "Dtype", False, "type of the elements"),
    Column("shape", "Shape", True, "sorted by the number of elements"),
    Column("size", "Size", True, "bytes of the value"),
)
_COSTS = (
    Column("stored", "Stored", True, "bytes that only the new version needs"),
    Column("update", "As", False, "how the new value is stored"),
)
_FIGURES = (
    Column("relative", "Relative", True, "norm of the difference as a share of the norm of the old value"),
    Column("max", "Max", True, "largest absolute difference"),
    Column("cosine", "Cosine", True, "of the angle between old and new value"),
    Column("elements", "Elements", True, "share of the elements that differ"),
)


def parameter_table(change: CheckpointChange, most: int) -> Table:
    """The rows of a change; of more than `most`, those that changed most are in the table."""
    order = "relative" if change.measured else "" if len(change.rows) <= most else "size"
    by_name = sorted(change.rows, key=lambda row: natural(row.names[-1]))
    ranks = {id(row): rank for rank, row in enumerate(by_name)}
    rows = by_name
    if order:
        rows = sorted(by_name, key=lambda row: _weight(row, change), reverse=True)
    costs, figures = change.stored is not None, bool(change.measured)
    columns = (_NAME, *_FACTS, *(_COSTS if costs else ()), *(_FIGURES if figures else ()))

    def cells(row: ParameterChange) -> tuple[Cell, ...]:
        facts = (_name(row, ranks[id(row)]), *_facts(row), *(_costs(row) if costs else ()))
        return (*facts, *_figures(measured(row, change))) if figures else facts

    lines = ["\t".join(cell.text for cell in cells(row)) for row in rows[most : most + _MAX_LINES]]
    if lines:
        lines.insert(0, "\t".join(column.title for column in columns))
    return Table(
        columns,
        tuple(cells(row) for row in rows[:most]),
        order,
        "\n".join(lines),
        max(0, len(rows) - most - _MAX_LINES),
        len(rows),
    )


def measured(row: ParameterChange, change: CheckpointChange) -> Distance | None:
    """Statistics of a row, if there are any."""
    if row.old is None or row.new is None or row.kind in (ChangeKind.RENAMED, ChangeKind.MOVED):
        return None
    found = change.measured.get(row.new.name)
    return found if isinstance(found, Distance) else None


def _weight(row: ParameterChange, change: CheckpointChange) -> tuple[float, int]:
    found = measured(row, change)
    relative = found.relative if found else None
    return -1.0 if relative is None else relative, row.nbytes


def _name(row: ParameterChange, rank: int) -> Cell:
    return Cell(" → ".join(map(name_text, row.names)), str(rank))


def _facts(row: ParameterChange) -> tuple[Cell, ...]:
    specs = [entry.spec for entry in (row.old, row.new) if entry]
    return (
        Cell(row.kind.value),
        Cell(_both([spec.dtype for spec in specs])),
        Cell(_both([shape_text(spec) for spec in specs]), str(specs[-1].count)),
        Cell(human_size(row.nbytes), str(row.nbytes)),
    )


def _both(texts: Sequence[str]) -> str:
    return " → ".join(dict.fromkeys(texts))


def _costs(row: ParameterChange) -> tuple[Cell, ...]:
    stored = Cell("") if row.stored is None else Cell(human_size(row.stored), str(row.stored))
    return stored, Cell(row.update)


def _figures(found: Distance | None) -> tuple[Cell, ...]:
    if found is None:
        return (Cell(""),) * len(_FIGURES)
    relative, cosine = found.relative, found.cosine
    return (
        Cell("" if relative is None else percent(relative), number_key(relative)),
        Cell(four_digits(found.largest), number_key(found.largest)),
        Cell("" if cosine is None else f"{cosine:.8g}", number_key(cosine)),
        Cell(percent(found.share), number_key(found.share)),
    )
