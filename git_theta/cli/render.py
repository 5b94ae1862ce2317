"""Output that every command shares: sizes, tables, JSON."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from git_theta.model.manifest import escape

if TYPE_CHECKING:
    from rich.console import Console

_UNITS = ("B", "KB", "MB", "GB", "TB", "PB")


def console(*, stderr: bool = False) -> Console:
    """A console: colour only on a terminal, and lines as long as they need to be elsewhere."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() or os.environ.get("COLUMNS") else 10_000
    return Console(stderr=stderr, width=width, highlight=False, soft_wrap=width is not None)


def human_size(count: int) -> str:
    """A size in decimal units, as file managers show it: `90.9 MB`."""
    size = float(count)
    for unit in _UNITS:
        if size < 999.5 or unit == _UNITS[-1]:
            return f"{count} B" if unit == "B" else f"{size:.3g} {unit}"
        size /= 1000
    raise AssertionError


def ratio(part: int, whole: int) -> str:
    """A share of a whole, such as `0.821`; a dash where there's no whole."""
    return f"{part / whole:.3f}" if whole else "-"


def print_json(value: Any) -> None:
    """JSON for scripts."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table; columns whose heading begins with `>` are aligned to the right."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD if sys.stdout.isatty() else None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(
            column.removeprefix(">"), justify="right" if column.startswith(">") else "left", overflow="fold"
        )
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console().print(table)


def printable(text: str) -> str:
    """Text from a file, safe for a terminal: control and invisible characters are escaped."""
    return escape(text).replace("%20", " ")


def plural(count: int, thing: str) -> str:
    """`1 file`, `2 files`."""
    return f"{count:,} {thing}" + ("" if count == 1 else "s")
