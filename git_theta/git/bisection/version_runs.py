"""Tests of versions of models for a bisection: each version once, or several times where tests are flaky."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from git_theta.bisection.bisection import Outcome
from git_theta.bisection.criterion import Criterion, ExitCode, is_flaky, middle_value, outcome_of
from git_theta.errors import CorruptError, ManifestError, MissingObjectError
from git_theta.evaluation.model_test import ModelTest
from git_theta.evaluation.result import TestResult, check_undisturbed
from git_theta.git.bisection.model_dag import ModelAt
from git_theta.git.history.model_history import ModelHistory


class RunsTests(Protocol):
    """Runs tests of models; see `git_theta.git.evaluation.evaluator.Evaluator`."""

    def evaluate(self, test: ModelTest, model: str, rev: str = "", *, attempt: int = 0) -> TestResult:
        """The result of a test of a version, from an earlier run with this number if there's one."""
        ...


@dataclass(frozen=True, slots=True)
class TestedModel:
    """A version whose test has run.

    Attributes:
        version: The version.
        results: The results, one of each run; none if the version couldn't be read.
        problem: Why it couldn't be read; else empty.
    """

    #: For pytest, which takes classes of such names for tests.
    __test__ = False

    version: ModelAt
    results: tuple[TestResult, ...]
    problem: str = ""

    @property
    def reason(self) -> str:
        """Why the version failed, or couldn't be tested, in one line; empty if its value alone is bad."""
        return self.problem or next((result.problem for result in self.results if result.problem), "")

    @property
    def value(self) -> float | None:
        """The metric, the median of all runs; `None` if there's none."""
        return middle_value(self.results)

    @property
    def runs(self) -> int:
        """The number of times that the command ran."""
        return sum(not result.is_cached for result in self.results)

    def outcome(self, criterion: Criterion) -> Outcome:
        """Whether the version is good or bad."""
        return outcome_of(self.results, criterion) if self.results else Outcome.SKIPPED

    def is_flaky(self, criterion: Criterion) -> bool:
        """Whether runs disagree."""
        return is_flaky(self.results, criterion)


@dataclass
class VersionRuns:
    """Runs the test of a bisection, and keeps the results.

    Attributes:
        runner: Runs tests.
        history: Finds and reads the versions.
        test: The test.
        repeat: How often the test of a version runs.
        report: Called once with each version, when its test has run and its outcome is known, and with the
            number of tests that are likely to be left.
        criterion: The criterion by which versions are bad.
        tested: The versions that were tested, in order.
    """

    runner: RunsTests
    history: ModelHistory
    test: ModelTest
    repeat: int = 1
    report: Callable[[TestedModel, Outcome, int], None] = lambda _tested, _outcome, _left: None
    criterion: Criterion = field(default_factory=ExitCode)
    tested: dict[ModelAt, TestedModel] = field(default_factory=dict)
    _reported: set[ModelAt] = field(default_factory=set)

    @property
    def runs(self) -> int:
        """The number of times that the command ran."""
        return sum(tested.runs for tested in self.tested.values())

    def outcome(self, version: ModelAt, steps_left: int = 1) -> Outcome:
        """The outcome of a version, by the criterion."""
        tested = self.test_version(version)
        outcome = tested.outcome(self.criterion)
        if version not in self._reported:
            self._reported.add(version)
            self.report(tested, outcome, max(0, steps_left - 1))
        return outcome

    def test_version(self, version: ModelAt) -> TestedModel:
        """Run the test of a version, if it didn't run before."""
        if version not in self.tested:
            self.tested[version] = self._run(version)
        return self.tested[version]

    def _run(self, version: ModelAt) -> TestedModel:
        stored = self.history.at(version.commit, version.name)
        if stored is None or self.history.version(stored) is None:
            problem = self.history.problem(stored) if stored else "the model isn't there"
            return TestedModel(version, (), problem)
        try:
            results = tuple(
                self.runner.evaluate(self.test, version.name, version.commit, attempt=number)
                for number in range(self.repeat)
            )
        except (MissingObjectError, CorruptError, ManifestError) as error:
            return TestedModel(version, (), error.message)
        for result in results:
            check_undisturbed(result)
        return TestedModel(version, results)
