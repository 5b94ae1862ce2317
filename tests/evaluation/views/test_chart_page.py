"""Metrics through history as a page."""

from __future__ import annotations

import base64
import hashlib
import re

from git_theta.evaluation.views.chart_page import MetricChart, chart_page
from git_theta.evaluation.views.line_chart import ChartPoint


def test_a_page_has_charts_and_tables() -> None:
    points = (ChartPoint(0.5, "one"), ChartPoint(None, "two"), ChartPoint(0.75, "three"))
    text = chart_page("Metrics", [MetricChart("acc", "a/b.pt", points)])
    assert text.count("<svg") == text.count("<table>") == 1
    assert "<h2>acc: a/b.pt</h2>" in text
    assert "<td>0.75</td><td>three</td></tr><tr><td>-</td><td>two</td>" in text
    assert "No results are known." in chart_page("Metrics", [])


def test_nothing_is_loaded_or_run() -> None:
    text = chart_page(
        "</title><script>x", [MetricChart("<script>", '"><script>', (ChartPoint(1, "<script>"),))]
    )
    assert "<script" not in text
    style = re.search("<style>(.*?)</style>", text, re.DOTALL)
    assert style
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'sha256-{digest}'" in text
