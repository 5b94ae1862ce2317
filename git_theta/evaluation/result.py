"""Results of tests, and how much worse one is than another."""

from __future__ import annotations

import math
from dataclasses import dataclass

from git_theta.errors import ThetaError
from git_theta.evaluation.model_test import ModelTest

#: The share of two values by which they may differ and count as equal: 0.9 - 0.89 is more than 0.01.
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class TestResult:
    """The result of a test of one version of a model.

    Attributes:
        test: Name of the test.
        model: Path of the model.
        rev: The revision; empty for the index, and for files that Git doesn't have.
        digest: The digest of the model's parameters; empty if the model can't be read.
        value: The metric; `None` if there's none.
        ok: Whether the command succeeded, with a metric if the test has one.
        is_cached: Whether the command ran earlier, on the same content.
        seconds: Seconds that the command took.
        problem: Why the test failed, in one line; empty if it didn't.
        is_skipped: Whether the command said that this version can't be tested, by exit code 125.
        output: The last lines that a failed command printed.
        is_disturbed: Whether the result says nothing of the model, as files that the command reads were
            changed while it ran.
        remark: A sentence that users should know about what was tested; empty if there's none.
    """

    #: For pytest, which takes classes of such names for tests.
    __test__ = False

    test: str
    model: str
    rev: str
    digest: str
    value: float | None
    ok: bool
    is_cached: bool
    seconds: float
    problem: str = ""
    is_skipped: bool = False
    output: str = ""
    is_disturbed: bool = False
    remark: str = ""

    @property
    def title(self) -> str:
        """The model, with its revision if it has one."""
        if not self.rev:
            return self.model
        is_id = len(self.rev) in (40, 64) and not set(self.rev) - set("0123456789abcdef")
        return f"{self.model} at {self.rev[:10] if is_id else self.rev}"


def check_undisturbed(result: TestResult) -> None:
    """Check that a result says something of the model.

    Raises:
        ThetaError: It doesn't.
    """
    if result.is_disturbed:
        raise ThetaError(
            f"test {result.test} of {result.title}: {result.problem}",
            "begin anew when nothing changes; results so far are kept",
        )


def drop(test: ModelTest, before: float, after: float) -> float:
    """How much worse a value of a test's metric is than another; negative if it's better.

    In the unit of the metric, or as a share of the value before, as the test's `max_drop` is. A value that
    isn't finite is infinitely worse than any that is, and no worse than another that isn't.
    """
    if not math.isfinite(after):
        return math.inf if math.isfinite(before) else 0.0
    if not math.isfinite(before):
        return -math.inf
    difference = before - after if test.higher_is_better else after - before
    if not test.is_share or difference == 0:
        return difference
    return difference / abs(before) if before else math.copysign(math.inf, difference)


def is_regression(test: ModelTest, before: float, after: float, max_drop: float | None = None) -> bool:
    """Whether a value is worse than another by more than may be.

    Args:
        test: The test.
        before: The value to compare with.
        after: The value.
        max_drop: The most that it may be worse, in the unit of `drop`; `None` for that of the test, which may
            allow any drop to another finite value.
    """
    allowed = test.max_drop if max_drop is None else max_drop
    if allowed is None:
        return math.isfinite(before) and not math.isfinite(after)
    rounding = _ROUNDING if test.is_share else _ROUNDING * max(abs(before), abs(after))
    return drop(test, before, after) > allowed + rounding
