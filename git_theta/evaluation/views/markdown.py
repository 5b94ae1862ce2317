"""Results as Markdown, for the comments of a pull request."""

from __future__ import annotations

import re
from collections.abc import Sequence

from git_theta.evaluation.comparison import FAILED, PASSED, SKIPPED, WORSE, ComparedResult, summary
from git_theta.evaluation.views.table import result_table
from git_theta.runtime.output import visible

#: Characters that Markdown, or the HTML in it, would take for more than text; and the beginning of a mention.
_SPECIAL = re.compile(r"[\\`*_{}\[\]<>()#+!|~&@-]")

_MARKS = {PASSED: "✅", WORSE: "❌", FAILED: "❌", SKIPPED: "⚪"}


def results_markdown(results: Sequence[ComparedResult]) -> str:
    """A table with a line above it that sums it up."""
    columns, rows = result_table(results, with_reasons=True)
    states = iter(results)
    heads = ["", *(column.removeprefix(">") for column in columns)]
    marks = [":-:", *("--:" if column.startswith(">") else "---" for column in columns)]
    lines = [f"**Model tests** — {_plain(summary(results))}", "", _row(heads), _row(marks)]
    for cells in rows:
        # Rows of parents have no test.
        mark = _MARKS[next(states).state] if cells[0] else ""
        lines.append(_row([mark, *map(_plain, cells)]))
    return "".join(f"{line}\n" for line in lines)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _plain(text: str) -> str:
    """Text that means itself: names and messages may be a stranger's."""
    return _SPECIAL.sub(lambda match: f"&#{ord(match[0])};", visible(text))
