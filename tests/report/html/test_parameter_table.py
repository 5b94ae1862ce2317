"""Rows of the table of parameters."""

from __future__ import annotations

import math
from dataclasses import replace

from git_theta.report.distance import Distance
from git_theta.report.html.parameter_table import parameter_table
from tests.helpers.changes import compared, tuned
from tests.helpers.manifests import A, B, entry, manifest


def test_nan_and_infinities_can_be_sorted() -> None:
    made = tuned(1)
    huge = Distance(6, 6, math.inf, 1.0, math.inf, math.nan, math.inf)
    cells = parameter_table(replace(made, measured=dict.fromkeys(made.measured, huge)), 9).rows[0]
    assert [cell.key for cell in cells[-4:]] == ["", "Infinity", "", "1"]


def test_columns_are_what_is_known() -> None:
    figures = parameter_table(tuned(2), 9)
    assert [column.key for column in figures.columns][-6:] == [
        "stored",
        "update",
        "relative",
        "max",
        "cosine",
        "elements",
    ]
    unstored = parameter_table(compared(manifest(entry("a", A)), manifest(entry("a", B)), stored=False), 9)
    assert [column.key for column in unstored.columns] == ["name", "kind", "dtype", "shape", "size"]


def test_rows_beyond_the_table_are_text() -> None:
    made = parameter_table(tuned(3), 2)
    assert (len(made.rows), made.dropped, made.total, made.order) == (2, 0, 6, "relative")
    head, *rest = made.rest.split("\n")
    assert head.startswith("Parameter\tChange\tDtype")
    assert len(rest) == 4
