"""Numbers and names as the page shows them."""

from __future__ import annotations

import math

from git_theta.report.text import printable

#: Characters of a name; longer ones are cut in the middle.
_MAX_NAME = 240


def name_text(name: str) -> str:
    """A name from a file, with invisible characters escaped, and cut if it's long."""
    text = printable(name)
    half = _MAX_NAME // 2
    return text if len(text) <= _MAX_NAME else f"{text[: half - 1]}…{text[-half:]}"


def percent(share: float) -> str:
    """`12.3%`; a small one with its order of magnitude: `4e-05%`."""
    return f"{100 * share:.3g}%"


def four_digits(value: float) -> str:
    """A number with four digits: `0.001235`."""
    return f"{value:.4g}"


def number_key(value: float | None) -> str:
    """A number as JavaScript reads it, to sort by; empty for NaN and `None`."""
    if value is None or math.isnan(value):
        return ""
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return f"{value:.9g}"
