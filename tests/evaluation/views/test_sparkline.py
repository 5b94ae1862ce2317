"""Values as small bars."""

from __future__ import annotations

from git_theta.evaluation.views.sparkline import outcome_line, sparkline


def test_bars_go_from_the_lowest_to_the_highest() -> None:
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7]) == "▁▂▃▄▅▆▇█"
    assert sparkline([1.0, None, 0.0]) == "█·▁"
    assert sparkline([5, 5]) == "▅▅"
    assert sparkline([None, None]) == "··"
    assert sparkline([]) == ""
    assert sparkline([-1.7e308, 1.7e308]) == "▁█"
    assert sparkline(range(100), 3) == "▁▅█"


def test_outcomes_are_marks() -> None:
    assert outcome_line([True, None, False]) == "✓·✗"
