"""Histograms as pictures."""

from __future__ import annotations

import re

from git_theta.report.difference_histograms import DifferenceHistogram
from git_theta.report.html.charts import HEIGHT, WIDTH, chart


def test_the_highest_bar_fills_the_height_and_empty_bins_have_none() -> None:
    made = chart(DifferenceHistogram("w", 0.5, (1, 0, 4, 2), 0, 0, 0))
    bars = [tuple(map(float, bar)) for bar in re.findall(r"M([\d.]+) 80v-([\d.]+)h([\d.]+)v", made.path)]
    assert bars == [(0, HEIGHT / 4, 61), (122, HEIGHT, 61), (183, HEIGHT / 2, 61)]
    assert bars[-1][0] + bars[-1][2] == WIDTH
    assert (made.low, made.high, made.note) == ("-0.5", "0.5", "")


def test_elements_that_have_no_bar_are_counted_in_words() -> None:
    made = chart(DifferenceHistogram("w", 1.0, (1, 2, 2, 1), 3, 4, 1000))
    assert made.note == "7 beyond, 1,000 unchanged"
    assert made.description == "6 differences up to 1 in size, 67% of them within half of that"


def test_no_differences_make_no_bars() -> None:
    made = chart(DifferenceHistogram("w", 0.0, (0,) * 4, 0, 0, 5))
    assert (made.path, made.note) == ("", "5 unchanged")
