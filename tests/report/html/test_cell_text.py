"""Numbers and names as the page shows them."""

from __future__ import annotations

import math

import pytest

from git_theta.report.html.cell_text import four_digits, name_text, number_key, percent


def test_long_names_are_cut_in_the_middle() -> None:
    assert name_text("a" * 240) == "a" * 240
    cut = name_text("a" * 200 + "b" * 200)
    assert (len(cut), cut[:3], cut[119], cut[-3:]) == (240, "aaa", "…", "bbb")


def test_control_characters_are_escaped() -> None:
    assert "\x1b" not in name_text("\x1b[31m")


@pytest.mark.parametrize(
    ("value", "key"),
    [(None, ""), (math.nan, ""), (math.inf, "Infinity"), (-math.inf, "-Infinity"), (1 / 3, "0.333333333")],
)
def test_keys_are_numbers_of_javascript(value: float | None, key: str) -> None:
    assert number_key(value) == key


def test_rounding() -> None:
    assert (percent(0.12345), percent(4e-7)) == ("12.3%", "4e-05%")
    assert four_digits(1234567.0) == "1.235e+06"
