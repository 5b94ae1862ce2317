"""Results as rows of a table: a metric, and its change against the version before and the parents."""

from __future__ import annotations

from collections.abc import Sequence

from git_theta.evaluation.comparison import PASSED, WORSE, ComparedResult, number, signed
from git_theta.evaluation.result import TestResult

#: The mark of a value that got worse by more than may be.
REGRESSION = "!"


def result_table(results: Sequence[ComparedResult]) -> tuple[list[str], list[list[str]]]:
    """Headings and rows of results; columns that would be empty are left out.

    Headings that begin with `>` are those of columns that are aligned to the right.
    """
    columns = ["test", "model", "version", ">value", ">previous", "parents", "result"]
    rows = [_row(each) for each in results]
    kept = [
        index
        for index, column in enumerate(columns)
        if column in ("test", "model", ">value", "result") or any(row[index] for row in rows)
    ]
    return [columns[index] for index in kept], [[row[index] for index in kept] for row in rows]


def state_text(each: ComparedResult) -> str:
    """The state of a result: `passed`, `passed, cached`, `worse`, `failed: exit code 1`."""
    text = each.state
    if each.state not in (PASSED, WORSE):
        text += f": {each.reason}"
    return f"{text}, cached" if each.result.is_cached else text


def change_text(each: ComparedResult, other: TestResult) -> str:
    """The change from another result: `0.93 -0.02`, with a mark if it's too large; empty if there's none."""
    change = signed(other.value, each.result.value)
    if not change:
        return ""
    mark = f" {REGRESSION}" if other in each.worse_than else ""
    return f"{number(other.value)} {change}{mark}"


def _row(each: ComparedResult) -> list[str]:
    found = each.result
    version = found.rev[:10] if found.rev == each.commit else found.rev
    return [
        found.test,
        found.model,
        version,
        number(found.value),
        change_text(each, each.previous) if each.previous else "",
        ", ".join(f"{parent.model} {text}" for parent in each.parents if (text := change_text(each, parent))),
        state_text(each),
    ]
