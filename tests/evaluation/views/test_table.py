"""Results as rows of a table."""

from __future__ import annotations

from dataclasses import replace

from git_theta.evaluation.comparison import ComparedResult
from git_theta.evaluation.views.table import result_table
from tests.helpers.compared_results import BASE, GOOD, RESULTS, TEST


def test_rows_have_values_and_changes() -> None:
    columns, rows = result_table(RESULTS[:2])
    assert columns == ["test", "model", "version", ">value", ">change", "result"]
    assert rows == [
        ["acc", "a.pt", "", "0.9", "", "passed"],
        ["", "  from base.pt", "", "0.5", "+0.4", ""],
        ["acc", "a.pt", "main", "0.7", "-0.2 !", "worse, cached"],
        ["", "  from base.pt", "", "0.5", "+0.2", ""],
    ]


def test_columns_without_content_are_left_out() -> None:
    columns, rows = result_table(RESULTS[3:], with_reasons=True)
    assert columns == ["test", "model", ">value", "result"]
    assert rows == [["acc", "a.pt", "-", "skipped: exit code 125"]]
    assert result_table(RESULTS[3:])[1] == [["acc", "a.pt", "-", "skipped"]]


def test_the_parents_that_a_model_is_worse_than_come_first() -> None:
    parents = [replace(BASE, model=f"{number}.pt", value=number / 4) for number in range(7)]
    failed = replace(BASE, value=None)
    _, rows = result_table([ComparedResult(TEST, GOOD, "", None, (failed, *parents))])
    assert [row[1] for row in rows] == [
        "a.pt",
        *(f"  from {number}.pt" for number in (6, 5, 4, 3)),
        "  and 3 more parents",
    ]
    assert [row[3] for row in rows[1:5]] == ["-0.6 !", "-0.35 !", "-0.1", "+0.15"]
