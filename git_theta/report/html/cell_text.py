"""Numbers and names as the page shows them."""

from __future__ import annotations

import math

from git_theta.report.text import printable

#: Longer names are cut in the middle.
_LONGEST = 240


def name_text(name: str) -> str:
    """A name from a file: nothing invisible, and not longer than a line or three."""
    text = printable(name)
    half = _LONGEST // 2
    return text if len(text) <= _LONGEST else f"{text[: half - 1]}…{text[-half:]}"


def percent(share: float) -> str:
    """`12.3%`; a small one with its order of magnitude: `4e-05%`."""
    return f"{100 * share:.3g}%"


def four_digits(value: float) -> str:
    """Four digits."""
    return f"{value:.4g}"


def number_key(value: float | None) -> str:
    """A number for JavaScript to compare; empty for what isn't one."""
    if value is None or math.isnan(value):
        return ""
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return f"{value:.9g}"
