"""Metrics through history as a page of HTML, which loads nothing and runs nothing."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from git_theta.evaluation.comparison import number
from git_theta.evaluation.views.line_chart import ChartPoint, line_chart
from git_theta.runtime.output import visible

_STYLE = """
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h2 { font-size: 1.1rem; margin: 2rem 0 0; overflow-wrap: anywhere; }
figure { margin: 0.5rem 0; }
svg { width: 100%; height: auto; }
polyline { fill: none; stroke: #2f6fde; stroke-width: 2; }
circle { fill: #2f6fde; }
.grid { stroke: currentColor; opacity: 0.15; }
text { font-size: 12px; text-anchor: end; fill: currentColor; opacity: 0.7; }
table { border-collapse: collapse; }
td, th { text-align: left; padding: 0.1rem 1rem 0.1rem 0; font-variant-numeric: tabular-nums; }
"""


@dataclass(frozen=True, slots=True)
class MetricChart:
    """A test's values through the versions of a model.

    Attributes:
        test: Name of the test.
        model: The model's path.
        points: The versions, the oldest first.
    """

    test: str
    model: str
    points: tuple[ChartPoint, ...]


def chart_page(title: str, charts: Iterable[MetricChart]) -> str:
    """A page with a chart, and a table of the same values, for each test of each model."""
    digest = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    body = "\n".join(map(_section, charts)) or "<p>No results are known.</p>"
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width">
<title>{_text(title)}</title>
<style>{_STYLE}</style>
</head>
<body>
<h1>{_text(title)}</h1>
{body}
</body>
</html>
"""


def _section(each: MetricChart) -> str:
    title = f"{each.test}: {each.model}"
    has_values = any(point.value is not None for point in each.points)
    figure = f"<figure>{line_chart(title, each.points)}</figure>" if has_values else ""
    return f"""<section>
<h2>{_text(title)}</h2>
{figure}
<details><summary>{len(each.points):,} versions</summary>
<table>{_rows(each.points)}</table>
</details>
</section>"""


def _rows(points: Sequence[ChartPoint]) -> str:
    return "".join(
        f"<tr><td>{number(point.value)}</td><td>{_text(point.note)}</td></tr>" for point in reversed(points)
    )


def _text(text: str) -> str:
    return escape(visible(text))
