"""Output of commands: tables, JSON and ratios."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from git_theta.runtime.output import say, visible

if TYPE_CHECKING:
    from rich.console import Console

#: The number of rows up to which rich lays out a table; it takes seconds for longer ones.
_MAX_RICH_ROWS = 1000


def console(*, stderr: bool = False) -> Console:
    """A console with colour on a terminal alone; elsewhere, lines aren't wrapped."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() or os.environ.get("COLUMNS") else 10_000
    return Console(stderr=stderr, width=width, highlight=False, soft_wrap=width is not None)


def ratio(part: int, whole: int) -> str:
    """The ratio of a part to a whole, such as `0.821`; a dash if the whole is zero."""
    return f"{part / whole:.3f}" if whole else "-"


def print_json(value: Any) -> None:
    """Print JSON in ASCII: names may have characters that the terminal's encoding doesn't."""
    print(json.dumps(value, indent=2))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table; columns whose heading begins with `>` are aligned to the right."""
    body = [tuple(map(visible, row)) for row in rows]
    if not sys.stdout.isatty() or len(body) > _MAX_RICH_ROWS:
        _print_plain(columns, body)
        return
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(
            column.removeprefix(">"), justify="right" if column.startswith(">") else "left", overflow="fold"
        )
    for row in body:
        table.add_row(*map(Text, row))
    console().print(table)


def _print_plain(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print aligned columns, as wide as their longest cell."""
    from rich.cells import cell_len

    lines = [tuple(column.removeprefix(">") for column in columns), *rows]
    widths = [max(map(cell_len, cells)) for cells in zip(*lines, strict=True)]
    for line in lines:
        cells = []
        for column, width, cell in zip(columns, widths, line, strict=True):
            space = " " * (width - cell_len(cell))
            cells.append(space + cell if column.startswith(">") else cell + space)
        say("  ".join(cells).rstrip())
