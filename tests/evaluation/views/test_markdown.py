"""Results as Markdown."""

from __future__ import annotations

import html

from git_theta.evaluation.views.markdown import results_markdown
from tests.helpers.compared_results import RESULTS


def test_a_table_for_a_pull_request() -> None:
    lines = results_markdown(RESULTS).splitlines()
    assert (
        lines[0]
        == "**Model tests** — 4 results: 1 passed, 1 worse, 1 failed, 1 skipped &#40;1 known from before&#41;"
    )
    assert lines[2:4] == [
        "|  | test | model | version | value | change | result |",
        "| :-: | --- | --- | --- | --: | --: | --- |",
    ]
    assert lines[6:8] == [
        "| ❌ | acc | a.pt | main | 0.7 | &#45;0.2 &#33; | worse, cached |",
        "|  |  |   from base.pt |  | 0.5 | &#43;0.2 |  |",
    ]
    assert len(lines) == 10


def test_names_mean_themselves() -> None:
    line = results_markdown(RESULTS).splitlines()[8]
    assert line.count("|") == 8
    assert not set("<>`@[]") & set(line)
    assert "<script>alert(1)</script>`@all`%1B[31m%00" in html.unescape(line)
