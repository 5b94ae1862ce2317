"""How much worse one result is than another."""

from __future__ import annotations

import math

import pytest

from git_theta.evaluation.model_test import ModelTest
from git_theta.evaluation.result import drop, is_regression


def a_test(*, higher: bool = True, max_drop: float | None = None, is_share: bool = False) -> ModelTest:
    return ModelTest("t", ("c", "{model}"), ("*",), "json:a", higher, max_drop, is_share)


def test_a_drop_goes_in_the_direction_of_the_metric() -> None:
    assert drop(a_test(), 0.9, 0.8) == pytest.approx(0.1)
    assert drop(a_test(), 0.8, 0.9) == pytest.approx(-0.1)
    assert drop(a_test(higher=False), 0.9, 0.8) == pytest.approx(-0.1)
    assert drop(a_test(higher=False), 2.0, 2.5) == pytest.approx(0.5)


def test_a_drop_may_be_a_share() -> None:
    assert drop(a_test(is_share=True), 80, 76) == pytest.approx(0.05)
    assert drop(a_test(is_share=True, higher=False), -4, -3) == pytest.approx(0.25)
    assert drop(a_test(is_share=True), 0, 0) == 0
    assert drop(a_test(is_share=True), 0, -1) == math.inf
    assert drop(a_test(is_share=True), 0, 1) == -math.inf


@pytest.mark.parametrize("broken", [math.nan, math.inf, -math.inf])
def test_values_that_arent_finite_are_the_worst(broken: float) -> None:
    for test in (a_test(), a_test(higher=False), a_test(is_share=True)):
        assert drop(test, 1.0, broken) == math.inf
        assert drop(test, broken, 1.0) == -math.inf
        assert drop(test, broken, broken) == 0
        assert is_regression(test, 1.0, broken)
        assert not is_regression(test, broken, 1.0)


def test_a_regression_is_more_than_the_allowed_drop() -> None:
    test = a_test(max_drop=0.01)
    # 0.9 - 0.89 is 0.010000000000000009.
    assert not is_regression(test, 0.9, 0.89)
    assert is_regression(test, 0.9, 0.8899)
    assert not is_regression(test, 0.5, 0.9)
    assert is_regression(a_test(higher=False, max_drop=0.1), 1.0, 1.2)
    assert not is_regression(a_test(higher=False, max_drop=0.1), 1.0, 0.2)
    assert not is_regression(a_test(), 0.9, 0.1), "no limit"
    assert is_regression(a_test(), 0.9, 0.8, max_drop=0)
    assert not is_regression(a_test(max_drop=0), 0.9, 0.9)
    assert is_regression(a_test(max_drop=0.02, is_share=True), 50, 48.9)
    assert not is_regression(a_test(max_drop=0.02, is_share=True), 50, 49)
