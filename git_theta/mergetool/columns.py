"""Columns of text: tables with a long name in one column, no wider than a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from git_theta.report.lines import Line

#: Characters of a line; names are cut in the middle to fit.
MOST_WIDTH = 110

_LEAST_NAME = 24
_MOST_LAST = 20


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table.

    Attributes:
        cells: A number, a name, any other cells, and a free text.
        notes: Lines below the row.
        style: Style of the last cell.
    """

    cells: tuple[str, ...]
    notes: tuple[str, ...] = ()
    style: str = "changed"


def aligned(heading: tuple[str, ...], rows: Sequence[Row], left: int = 3) -> Iterator[Line]:
    """Lines of a table.

    Args:
        heading: Heading of each column.
        rows: Rows of as many cells.
        left: Number of columns after which the others but the last are right-aligned; so is the first.
    """
    widths = _widths(heading, rows)
    widths[1] = min(widths[1], name_width(heading, rows))
    yield (("faint", _joined(heading, widths, left)),)
    for row in rows:
        yield (("", _joined(row.cells[:-1], widths, left)), (row.style, f"  {row.cells[-1]}"))
        for note in row.notes:
            yield (("faint", " " * (widths[0] + 6) + cut(note, MOST_WIDTH - widths[0] - 6)),)


def name_width(heading: tuple[str, ...], rows: Sequence[Row]) -> int:
    """Characters that are left for the name, in the second column."""
    widths = _widths(heading, rows)
    return max(MOST_WIDTH - sum(widths) + widths[1] - 2 * len(widths), _LEAST_NAME)


def short_and_full(text: str) -> tuple[str, tuple[str, ...]]:
    """A text that fits into the last column, and the full text as a note if that's longer."""
    if len(text) <= _MOST_LAST:
        return text, ()
    return ("mixed" if text[0].isdigit() else f"{text.split(' ')[0]} …"), (text,)


def cut(text: str, width: int) -> str:
    """A text of at most `width` characters; the middle of a longer text is left out."""
    if len(text) <= width:
        return text
    front = (width - 1) // 2
    return f"{text[:front]}…{text[len(text) - (width - 1 - front) :]}"


def _widths(heading: tuple[str, ...], rows: Sequence[Row]) -> list[int]:
    lines = [heading, *(row.cells for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(heading))]
    return [*widths[:-1], min(widths[-1], _MOST_LAST)]


def _joined(cells: Sequence[str], widths: Sequence[int], left: int) -> str:
    texts = []
    for column, (cell, width) in enumerate(zip(cells, widths, strict=False)):
        text = cut(cell, width)
        if column == len(widths) - 1:
            texts.append(text)
        else:
            texts.append(text.ljust(width) if 0 < column < left else text.rjust(width))
    return "  " + "  ".join(texts)
