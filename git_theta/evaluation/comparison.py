"""Results beside those of the version before and of the models' parents."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from git_theta.evaluation.model_test import PARENTS, PREVIOUS, ModelTest
from git_theta.evaluation.result import TestResult, is_regression

PASSED, WORSE, FAILED, SKIPPED = "passed", "worse", "failed", "skipped"


@dataclass(frozen=True, slots=True)
class ComparedResult:
    """The result of a test, and those that it's compared with.

    Attributes:
        test: The test.
        result: The result.
        commit: The id of the commit that has the version; empty for the index.
        previous: The result of the model's previous version; `None` if there's none.
        parents: Results of the model's parents, in the order of its record.
    """

    test: ModelTest
    result: TestResult
    commit: str = ""
    previous: TestResult | None = None
    parents: tuple[TestResult, ...] = ()

    @property
    def worse_than(self) -> tuple[TestResult, ...]:
        """The results, of the version before and of parents, that this one is worse than by more than may be.

        A parent may have been made for something else, so it's the test that says if that matters.
        """
        return self._worse_than((*((self.previous,) if self.previous else ()), *self.parents))

    @property
    def regressions(self) -> tuple[TestResult, ...]:
        """The results that this one is held against, and is worse than by more than may be."""
        against = self.test.against
        before = (self.previous,) if self.previous and PREVIOUS in against else ()
        return self._worse_than((*before, *(self.parents if PARENTS in against else ())))

    def _worse_than(self, others: Iterable[TestResult]) -> tuple[TestResult, ...]:
        value = self.result.value
        if value is None:
            return ()
        return tuple(
            each for each in others if each.value is not None and is_regression(self.test, each.value, value)
        )

    @property
    def state(self) -> str:
        """One of `passed`, `worse`, `failed` and `skipped`."""
        if self.result.is_skipped:
            return SKIPPED
        if not self.result.ok:
            return FAILED
        return WORSE if self.regressions else PASSED

    @property
    def is_good(self) -> bool:
        """Whether the test passed, or couldn't judge the version."""
        return self.state in (PASSED, SKIPPED)

    @property
    def reason(self) -> str:
        """Why the state isn't `passed`, in one line; empty if it is."""
        if self.result.problem:
            return self.result.problem
        return "; ".join(
            f"{number(self.result.value)} is worse than {number(each.value)} of {each.title}"
            for each in self.regressions
        )


def number(value: float | None) -> str:
    """A metric as people read it: six digits; a dash if there's none."""
    return "-" if value is None else f"{value:.6g}"


def signed(before: float | None, after: float | None) -> str:
    """The change from one metric to another: `+0.02`; empty if one is missing."""
    if before is None or after is None:
        return ""
    return f"{after - before:+.4g}" if after != before else "="


def summary(results: Iterable[ComparedResult]) -> str:
    """The results in one sentence: `4 tests: 2 passed, 1 worse, 1 failed (3 of them cached)`."""
    found = list(results)
    states = [each.state for each in found]
    counts = ", ".join(
        f"{states.count(state)} {state}" for state in (PASSED, WORSE, FAILED, SKIPPED) if state in states
    )
    cached = sum(each.result.is_cached for each in found)
    tests = f"{len(found):,} result" + ("" if len(found) == 1 else "s")
    return f"{tests}: {counts}" + (f" ({cached} known from before)" if cached else "")
