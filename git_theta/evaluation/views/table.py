"""Results as rows of a table: a metric with its change, and below it a row for each parent."""

from __future__ import annotations

import math
from collections.abc import Sequence

from git_theta.evaluation.comparison import ComparedResult, number, signed
from git_theta.evaluation.result import TestResult, drop

#: The mark of a change for the worse by more than the test's max-drop.
MARK = "!"

#: Parents that are shown, at most: those that a model is worse than first.
_MAX_PARENTS = 4


def result_table(
    results: Sequence[ComparedResult], *, with_reasons: bool = False
) -> tuple[list[str], list[list[str]]]:
    """Headings and rows of results; columns that would be empty are left out.

    Rows of parents have no test. Headings that begin with `>` are those of columns that are aligned to the
    right.

    Args:
        results: The results.
        with_reasons: Whether the reasons of failures are in the table.
    """
    columns = ["test", "model", "version", ">value", ">change", "result"]
    rows = [row for each in results for row in _rows(each, with_reasons=with_reasons)]
    kept = [
        index
        for index, column in enumerate(columns)
        if column in ("test", "model", ">value", "result") or any(row[index] for row in rows)
    ]
    return [columns[index] for index in kept], [[row[index] for index in kept] for row in rows]


def _rows(each: ComparedResult, *, with_reasons: bool) -> list[list[str]]:
    found = each.result
    version = found.rev[:10] if found.rev == each.commit else found.rev
    state = f"{each.state}: {each.reason}" if with_reasons and found.problem else each.state
    if found.is_cached:
        state += ", cached"
    change = _change(each, each.previous) if each.previous else ""
    rows = [[found.test, found.model, version, number(found.value), change, state]]
    parents = sorted(
        (parent for parent in each.parents if parent.value is not None and found.value is not None),
        key=lambda parent: -_drop(each, parent),
    )
    rows += [
        ["", f"  from {parent.title}", "", number(parent.value), _change(each, parent), ""]
        for parent in parents[:_MAX_PARENTS]
    ]
    if len(parents) > _MAX_PARENTS:
        rows.append(["", f"  and {len(parents) - _MAX_PARENTS:,} more parents", "", "", "", ""])
    return rows


def _change(each: ComparedResult, other: TestResult) -> str:
    """The change from another result: `-0.02 !`; empty if one has no value."""
    change = signed(other.value, each.result.value)
    return f"{change} {MARK}" if other in each.worse_than else change


def _drop(each: ComparedResult, parent: TestResult) -> float:
    if parent.value is None or each.result.value is None:
        return -math.inf
    return drop(each.test, parent.value, each.result.value)
