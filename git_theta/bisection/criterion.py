"""Criteria by which versions are good or bad: the exit code, a limit, or the difference to a version."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Protocol

from git_theta.bisection.bisection import Outcome
from git_theta.evaluation.model_test import ModelTest
from git_theta.evaluation.result import TestResult, is_regression
from git_theta.evaluation.tests_text import drop_text


class Criterion(Protocol):
    """Decides about versions whose test has run without a failure."""

    def is_bad(self, value: float | None) -> bool:
        """Whether a version with a value of the test's metric is bad; `None` if the test has no metric."""
        ...

    def __str__(self) -> str:
        """Words that follow "a bad version is one that"."""
        ...


@dataclass(frozen=True, slots=True)
class ExitCode:
    """The exit code of the test's command alone."""

    def is_bad(self, value: float | None) -> bool:
        """See `Criterion`."""
        return False

    def __str__(self) -> str:
        return "fails"


@dataclass(frozen=True, slots=True)
class Threshold:
    """A limit of the metric.

    Attributes:
        test: The test.
        limit: The worst value of a good version.
    """

    test: ModelTest
    limit: float

    def is_bad(self, value: float | None) -> bool:
        """See `Criterion`."""
        return value is None or is_regression(self.test, self.limit, value, 0.0)

    def __str__(self) -> str:
        return f"fails, or is {'below' if self.test.higher_is_better else 'above'} {self.limit:g}"


@dataclass(frozen=True, slots=True)
class WorseThanGood:
    """A drop from the value of the version that is said to be good, by more than the test allows.

    Attributes:
        test: The test.
        good: The good version's value.
    """

    test: ModelTest
    good: float

    def is_bad(self, value: float | None) -> bool:
        """See `Criterion`."""
        return value is None or is_regression(self.test, self.good, value)

    def __str__(self) -> str:
        return f"fails, or is worse than {self.good:g} by more than {_drop(self.test)}"


@dataclass(frozen=True, slots=True)
class NotBetterThanBad:
    """A value from which that of the bad version isn't a drop that the test forbids: without a good version.

    Attributes:
        test: The test.
        bad: The bad version's value.
    """

    test: ModelTest
    bad: float

    def is_bad(self, value: float | None) -> bool:
        """See `Criterion`."""
        return value is None or not is_regression(self.test, value, self.bad)

    def __str__(self) -> str:
        return f"fails, or isn't better than {self.bad:g} by more than {_drop(self.test)}"


def _drop(test: ModelTest) -> str:
    return drop_text(test.max_drop, test.is_share) if test.max_drop is not None else "any number"


def outcome_of(results: Sequence[TestResult], criterion: Criterion) -> Outcome:
    """The outcome of a version whose test has run once or more.

    The majority counts, also of those that say that the version can't be tested; of two kinds of equal
    number, it isn't known which is right, and the version is skipped.
    """
    counts = Counter(_outcome(result, criterion) for result in results)
    (first, most), *others = counts.most_common()
    return Outcome.SKIPPED if others and others[0][1] == most else first


def is_flaky(results: Sequence[TestResult], criterion: Criterion) -> bool:
    """Whether results of one version disagree."""
    return len({_outcome(result, criterion) for result in results}) > 1


def middle_value(results: Sequence[TestResult]) -> float | None:
    """The median of the values of the metric; `None` if no result has one."""
    values = [result.value for result in results if result.value is not None and math.isfinite(result.value)]
    return median(values) if values else None


def _outcome(result: TestResult, criterion: Criterion) -> Outcome:
    if result.is_skipped:
        return Outcome.SKIPPED
    if not result.ok or criterion.is_bad(result.value):
        return Outcome.BAD
    return Outcome.GOOD
