"""Results as rows of a table."""

from __future__ import annotations

from git_theta.evaluation.views.table import result_table
from tests.helpers.compared_results import RESULTS


def test_rows_have_values_and_changes() -> None:
    columns, rows = result_table(RESULTS[:2])
    assert columns == ["test", "model", "version", ">value", ">previous", "parents", "result"]
    assert rows == [
        ["acc", "a.pt", "", "0.9", "", "base.pt 0.5 +0.4", "passed"],
        ["acc", "a.pt", "main", "0.7", "0.9 -0.2 !", "base.pt 0.5 +0.2", "worse, cached"],
    ]


def test_columns_without_content_are_left_out() -> None:
    columns, rows = result_table(RESULTS[3:])
    assert columns == ["test", "model", ">value", "result"]
    assert rows == [["acc", "a.pt", "-", "skipped: exit code 125"]]
