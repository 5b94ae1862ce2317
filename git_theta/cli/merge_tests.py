"""`git theta merge --test`: the tests of merged models, as a table, and the message if they hold a merge."""

from __future__ import annotations

from collections.abc import Sequence

from git_theta.cli.render import print_table
from git_theta.errors import ThetaError
from git_theta.evaluation.comparison import number
from git_theta.evaluation.result import TestResult
from git_theta.evaluation.tests_text import drop_text
from git_theta.git.evaluation.evaluator import Evaluator
from git_theta.git.evaluation.version_trees import VersionTrees
from git_theta.git.merge.merge_tests import MergedModelTest, merge_tests
from git_theta.git.plumbing.command import Git
from git_theta.git.plumbing.notices import note
from git_theta.git.repository.repository import Repository
from git_theta.report.text import plural, printable
from git_theta.runtime.output import say

_ONE_BRANCH = (
    "take it all the same: git commit; give it up: git merge --abort; then try another strategy: "
    "git theta merge -s STRATEGY, or --search TEST"
)
_SEVERAL = "try another strategy: git theta merge -s STRATEGY, or --search TEST"


class MergeHeldError(ThetaError):
    """Tests of merged models hold the merge."""


def check_by_tests(rev: str, parents: Sequence[str]) -> None:
    """Run the tests of merged models, and show the results.

    Args:
        rev: The merge commit; empty for the index.
        parents: Ids of the parents, ours first.

    Raises:
        MergeHeldError: A model is worse than ours, by a test that is a guard.
        ThetaError: A test can't run.
    """
    repository = Repository(Git()).at_top()
    try:
        with VersionTrees(repository) as trees, Evaluator(repository) as evaluator:
            results = list(merge_tests(trees, evaluator, rev, parents))
    except BaseException:
        if not rev:
            note("the merge isn't committed: git commit, or git merge --abort")
        raise
    if not results:
        say("no test is for a model that was merged")
        return
    _print(results)
    worse = [each for each in results if each.is_worse and each.test.is_guard]
    if worse:
        more = f" (and {plural(len(worse) - 1, 'other test')})" if len(worse) > 1 else ""
        end = "nothing was merged" if rev else "the merge isn't committed"
        raise MergeHeldError(f"{_reason(worse[0])}{more}; {end}", _SEVERAL if rev else _ONE_BRANCH)


def _reason(held: MergedModelTest) -> str:
    name, ours, merged = printable(held.model), held.sides[0], held.merged
    if not merged.ok:
        return f"{name} fails the test {held.test.name}: {printable(merged.problem)}"
    allowed = held.test.max_drop
    limit = "" if allowed is None else f", by more than {drop_text(allowed, held.test.is_share)}"
    before = ours.value if ours else None
    values = f"{number(merged.value)}, from {number(before)}"
    return f"{name} is worse by the test {held.test.name}: {values}{limit}"


def _print(results: Sequence[MergedModelTest]) -> None:
    count = len(results[0].sides)
    others = ["theirs"] if count == 2 else [f"branch {number}" for number in range(1, count)]
    columns = ("model", "test", *(f">{name}" for name in ("ours", *others, "merged")), "")
    rows = [
        (
            each.model,
            each.test.name,
            *map(result_text, each.sides),
            result_text(each.merged),
            "" if not each.is_worse else "worse" if each.test.is_guard else "worse (no guard)",
        )
        for each in results
    ]
    print_table(columns, rows)


def result_text(result: TestResult | None) -> str:
    """The metric of a result, or how the test ended; a dash if there's no result."""
    if result is None:
        return "-"
    if result.is_skipped:
        return "skipped"
    if not result.ok:
        return "fails"
    return "passes" if result.value is None else number(result.value)
