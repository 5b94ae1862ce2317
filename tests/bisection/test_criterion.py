from __future__ import annotations

import math
from dataclasses import replace

import pytest

from git_theta.bisection.bisection import Outcome
from git_theta.bisection.criterion import (
    ExitCode,
    NotBetterThanBad,
    Threshold,
    WorseThanGood,
    is_flaky,
    middle_value,
    outcome_of,
)
from git_theta.evaluation.model_test import ModelTest
from git_theta.evaluation.result import TestResult

ACCURACY = ModelTest("accuracy", ("measure", "{model}"), metric="json:accuracy", max_drop=0.02)
LOSS = replace(ACCURACY, name="loss", higher_is_better=False, max_drop=0.1, is_share=True)


def result(value: float | None, *, ok: bool = True, is_skipped: bool = False) -> TestResult:
    return TestResult("t", "m", "r", "", value, ok, False, 0.0, is_skipped=is_skipped)


GOOD, BAD, SKIPPED = result(None), result(None, ok=False), result(None, ok=False, is_skipped=True)


def test_a_limit_holds_in_the_direction_of_the_metric() -> None:
    assert [Threshold(ACCURACY, 0.9).is_bad(value) for value in (0.89, 0.9, 0.95)] == [True, False, False]
    assert [Threshold(LOSS, 0.9).is_bad(value) for value in (0.89, 0.9, 0.95)] == [False, False, True]
    assert str(Threshold(LOSS, 0.9)) == "fails, or is above 0.9"


def test_drops() -> None:
    assert [WorseThanGood(ACCURACY, 0.9).is_bad(value) for value in (0.87, 0.88, 1.0)] == [True, False, False]
    assert [NotBetterThanBad(ACCURACY, 0.9).is_bad(value) for value in (0.92, 0.93)] == [True, False]
    # A loss of 1.1 is 10 % more than 1.
    assert [WorseThanGood(LOSS, 1.0).is_bad(value) for value in (1.09, 1.11)] == [False, True]
    assert str(WorseThanGood(LOSS, 1.0)) == "fails, or is worse than 1 by more than 10%"
    assert str(NotBetterThanBad(ACCURACY, 0.9)) == "fails, or isn't better than 0.9 by more than 0.02"


@pytest.mark.parametrize(
    "criterion", [Threshold(ACCURACY, 0.5), WorseThanGood(ACCURACY, 0.5), NotBetterThanBad(ACCURACY, 0.5)]
)
def test_values_that_are_not_numbers_are_bad(criterion: Threshold) -> None:
    assert criterion.is_bad(math.nan)
    assert criterion.is_bad(None)


def test_the_majority_of_runs_counts() -> None:
    assert outcome_of([GOOD], ExitCode()) is Outcome.GOOD
    assert outcome_of([GOOD, BAD, BAD], ExitCode()) is Outcome.BAD
    assert outcome_of([GOOD, BAD], ExitCode()) is Outcome.SKIPPED
    assert outcome_of([SKIPPED, SKIPPED, GOOD], ExitCode()) is Outcome.SKIPPED
    assert outcome_of([result(0.4), result(0.6), result(0.7)], Threshold(ACCURACY, 0.5)) is Outcome.GOOD
    assert is_flaky([GOOD, BAD], ExitCode())
    assert not is_flaky([BAD, BAD], ExitCode())


def test_the_median() -> None:
    assert middle_value([result(0.1), result(0.9), result(0.2), BAD]) == 0.2
    assert middle_value([BAD]) is None
