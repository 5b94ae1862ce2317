"""Results beside others."""

from __future__ import annotations

from dataclasses import replace

import pytest

from git_theta.evaluation.comparison import ComparedResult, number, signed, summary
from git_theta.evaluation.model_test import ModelTest
from git_theta.evaluation.result import TestResult

TEST = ModelTest("acc", ("c", "{model}"), ("*",), "json:acc", max_drop=0.1)
GOOD = TestResult("acc", "a.pt", "", "blake3:0", 0.9, True, False, 1.0)
BAD = replace(GOOD, value=0.7)
FAILED = replace(GOOD, value=None, ok=False, problem="exit code 1")


@pytest.mark.parametrize(
    ("result", "previous", "parents", "state"),
    [
        (GOOD, None, (), "passed"),
        (GOOD, BAD, (BAD,), "passed"),
        (BAD, GOOD, (), "worse"),
        (BAD, None, (BAD, GOOD), "passed"),
        (BAD, FAILED, (FAILED,), "passed"),
        (FAILED, GOOD, (), "failed"),
        (replace(FAILED, is_skipped=True), GOOD, (), "skipped"),
    ],
)
def test_the_state_of_a_result(
    result: TestResult, previous: TestResult | None, parents: tuple[TestResult, ...], state: str
) -> None:
    found = ComparedResult(TEST, result, "", previous, parents)
    assert found.state == state
    assert found.is_good == (state in ("passed", "skipped"))
    assert bool(found.reason) == (state != "passed")


def test_reasons_name_values_and_versions() -> None:
    before = replace(GOOD, rev="0123456789" * 4)
    strict = replace(TEST, against=("previous", "parents"))
    found = ComparedResult(strict, BAD, "", before, (replace(GOOD, model="base.pt"),))
    assert found.reason == ("0.7 is worse than 0.9 of a.pt at 0123456789; 0.7 is worse than 0.9 of base.pt")
    assert replace(GOOD, rev="main").title == "a.pt at main"


def test_parents_count_where_the_test_says_so() -> None:
    found = ComparedResult(TEST, BAD, "", None, (GOOD,))
    assert (found.state, found.worse_than, found.regressions) == ("passed", (GOOD,), ())
    strict = replace(found, test=replace(TEST, against=("parents",)))
    assert (strict.state, strict.regressions) == ("worse", (GOOD,))
    assert replace(strict, previous=GOOD, parents=()).state == "passed"


def test_a_lower_metric_may_be_better() -> None:
    test = replace(TEST, higher_is_better=False)
    assert ComparedResult(test, BAD, "", GOOD).state == "passed"
    assert ComparedResult(test, GOOD, "", BAD).state == "worse"


def test_numbers_and_sums() -> None:
    assert [number(None), number(0.123456789), number(12345678.0)] == ["-", "0.123457", "1.23457e+07"]
    assert [signed(0.5, 0.75), signed(3, 3), signed(None, 1)] == ["+0.25", "=", ""]
    results = [ComparedResult(TEST, each) for each in (GOOD, replace(GOOD, is_cached=True), FAILED)]
    assert summary(results) == "3 results: 2 passed, 1 failed (1 known from before)"
    assert summary(results[:1]) == "1 result: 1 passed"
