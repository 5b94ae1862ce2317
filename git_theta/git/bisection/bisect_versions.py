"""Bisection of a model over its versions in history."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace

from git_theta.bisection.bisection import Bisection, Outcome
from git_theta.bisection.criterion import NotBetterThanBad, Threshold, WorseThanGood
from git_theta.bisection.search import (
    VersionTester,
    WrongEndError,
    search_whole_history,
    search_with_good_end,
)
from git_theta.errors import UsageError
from git_theta.git.bisection.changed_beside import changed_beside
from git_theta.git.bisection.model_dag import ModelAt, ModelDag, model_dag, versions_outside
from git_theta.git.bisection.version_runs import VersionRuns
from git_theta.git.history.model_history import ModelHistory
from git_theta.git.plumbing.notices import note


@dataclass(frozen=True)
class FoundVersion:
    """The end of a bisection over the versions of a model.

    Attributes:
        bad: The oldest version that is known to be bad.
        suspects: The versions that may be the first bad one: `bad`, and those that can't be tested.
        has_good: Whether a version before it is good.
        count: The number of versions that were searched.
        model: All versions.
    """

    bad: ModelAt
    suspects: frozenset[ModelAt]
    has_good: bool
    count: int
    model: ModelDag


@dataclass(frozen=True, slots=True)
class BisectEnds:
    """The ends of a bisection, and what is bad between them.

    Attributes:
        bad: The bad end: a commit that has the model, and the model's name there.
        good: The good end; `None` if none is known.
        threshold: The worst value of a good version; `None` to compare values with that of an end, by the
            drop that the test allows.
    """

    bad: ModelAt
    good: ModelAt | None = None
    threshold: float | None = None


def bisect_versions(runs: VersionRuns, ends: BisectEnds) -> FoundVersion:
    """Find the first bad version of a model.

    Args:
        runs: Runs the test. Its criterion is set by the ends.
        ends: The ends.

    Raises:
        WrongEndError: The bad end is good, or the good end is bad.
        UsageError: The good end isn't before the bad one, has the same version, or has no model; or there's a
            threshold for a test without a metric.
        ThetaError: A test can't run.
    """
    model = model_dag(runs.history, ends.bad.commit, ends.bad.name)
    try:
        return _search(runs, ends, model)
    except WrongEndError:
        _check_beside(runs, ends.bad, model)
        raise


def _search(runs: VersionRuns, ends: BisectEnds, model: ModelDag) -> FoundVersion:
    if ends.good is None:
        set_criterion(runs, replace(ends, bad=model.tip))
        found = search_history(runs, model)
        _check_better(runs, found)
        return found
    good_commit = _before(runs.history, ends.good.commit, ends.bad.commit)
    outside = versions_outside(runs.history.git, model.dag.parents, good_commit)
    if model.tip not in outside:
        beside = changed_beside(runs.history.git, ends.bad.name, good_commit, ends.bad.commit)
        also = f"; files beside it have changed: {', '.join(beside)}" if beside else ""
        raise UsageError(
            f"{ends.bad.name} is the same in the good and in the bad version{also}",
            "`git theta log` lists its versions",
        )
    good = _version_at(runs.history, ModelAt(good_commit, ends.good.name), model)
    set_criterion(runs, replace(ends, bad=model.tip, good=good))
    return _search_between(runs, model, good, frozenset(model.dag.parents) - outside)


def _check_better(runs: VersionRuns, found: FoundVersion) -> None:
    """Check that a version is better than the bad one, if versions are bad that aren't.

    Raises:
        WrongEndError: None is, as far as versions were tested.
    """
    if isinstance(runs.criterion, NotBetterThanBad) and not found.has_good:
        value = runs.criterion.bad
        raise WrongEndError(
            f"no version of {found.bad.name} that was tested is better by more than the test "
            f"{runs.test.name} allows than the bad one, with {value:g}, so there's nothing to find",
            "say from which value on it's bad: --threshold; or name a good version: --good REV",
        )


def _check_beside(runs: VersionRuns, bad: ModelAt, model: ModelDag) -> None:
    """Check that the bad end fails because of the model, if the version with its parameters is good.

    Raises:
        WrongEndError: It fails because of files beside it.
    """
    tip = runs.tested.get(model.tip)
    beside = changed_beside(runs.history.git, bad.name, model.tip.commit, bad.commit)
    if not beside or not tip or tip.outcome(runs.criterion) is not Outcome.GOOD:
        return
    if runs.outcome(bad) is Outcome.BAD:
        raise WrongEndError(
            f"{bad.name} fails in {bad.commit[:10]}, and passes with the same parameters in "
            f"{model.tip.commit[:10]}: files beside it have changed since, {', '.join(beside)}",
            f"git log -p {model.tip.commit[:10]}..{bad.commit[:10]} -- {shlex.join(beside)}",
        )


def search_history(runs: VersionRuns, model: ModelDag) -> FoundVersion:
    """Find the first bad version in all of a model's history, by the criterion that is set.

    Raises:
        WrongEndError: The newest version is good.
        ThetaError: A test can't run.
    """
    start = Bisection(model.dag, model.tip)
    _check_end(runs, model.tip, Outcome.BAD, start.steps_left)
    found = search_whole_history(start, VersionTester(runs.outcome))
    return FoundVersion(found.bad, found.suspects, bool(found.good), len(start.suspects), model)


def set_criterion(runs: VersionRuns, ends: BisectEnds) -> None:
    """Set the criterion by which versions are bad, for which the test of an end may run.

    Raises:
        UsageError: There's a threshold, and the test has no metric.
        WrongEndError: The good end fails.
    """
    test = runs.test
    if not test.metric and ends.threshold is not None:
        raise UsageError(f"test {test.name} has no metric to compare", "leave --threshold away")
    if ends.threshold is not None:
        runs.criterion = Threshold(test, ends.threshold)
    elif test.max_drop is not None and ends.good:
        _check_end(runs, ends.good, Outcome.GOOD)
        value = runs.test_version(ends.good).value
        if value is not None:
            runs.criterion = WorseThanGood(test, value)
    elif test.max_drop is not None:
        tested = runs.test_version(ends.bad)
        if tested.value is not None and tested.outcome(runs.criterion) is Outcome.GOOD:
            runs.criterion = NotBetterThanBad(test, tested.value)


def _search_between(
    runs: VersionRuns, model: ModelDag, good: ModelAt, good_versions: frozenset[ModelAt]
) -> FoundVersion:
    start = Bisection(model.dag, model.tip, good_versions)

    def check_good() -> None:
        _check_end(runs, good, Outcome.GOOD)

    def check_bad() -> None:
        left = 0 if runs.tested else start.steps_left
        if runs.outcome(model.tip, left + 1) is Outcome.GOOD and runs.outcome(good) is Outcome.BAD:
            raise WrongEndError(
                f"{_said(runs, model.tip)} passes, and {_said(runs, good)} fails",
                "a version that was mended isn't searched; name a later bad version, or an earlier good one",
            )
        _check_end(runs, model.tip, Outcome.BAD)

    # The value of the good end is known already if versions are compared with it.
    compares = isinstance(runs.criterion, WorseThanGood)
    found = search_with_good_end(
        start, VersionTester(runs.outcome), check_good, check_bad, bad_end_first=not compares
    )
    return FoundVersion(found.bad, found.suspects, True, len(start.suspects), model)


def _check_end(runs: VersionRuns, version: ModelAt, wanted: Outcome, more: int = 0) -> None:
    """Check that an end has the outcome that it's said to have; `more` tests are likely to follow.

    Raises:
        WrongEndError: It hasn't.
    """
    outcome = runs.outcome(version, more + 1)
    if outcome is wanted:
        return
    said = _said(runs, version)
    if outcome is Outcome.SKIPPED:
        reason = runs.test_version(version).reason
        raise WrongEndError(f"{said} can't be tested: {reason}", f"name another one with --{wanted.value}")
    if wanted is Outcome.BAD:
        raise WrongEndError(
            f"{said} passes the test, so there's nothing to find",
            "name a version that fails: --bad REV; or say what is bad: --threshold or --max-drop",
        )
    reason = runs.test_version(version).reason
    raise WrongEndError(
        f"{said} fails the test{reason and ': '}{reason}", "name a version that passes: --good REV"
    )


def _said(runs: VersionRuns, version: ModelAt) -> str:
    value = runs.test_version(version).value
    return f"{version.name} in {version.commit[:10]}{'' if value is None else f', with {value:g},'}"


def _before(history: ModelHistory, good: str, bad: str) -> str:
    """The good commit; if the bad one isn't based on it, the one where the two lines of history parted.

    Raises:
        UsageError: The good commit comes after the bad one, or they have no commit in common.
    """
    git = history.git
    if git.ok("merge-base", "--is-ancestor", good, bad):
        return good
    if git.ok("merge-base", "--is-ancestor", bad, good):
        raise UsageError(
            "the good version comes after the bad one",
            "the first bad version is searched, not the first good one: exchange --good and --bad",
        )
    if not git.ok("merge-base", good, bad):
        raise UsageError(
            f"{good[:10]} and {bad[:10]} have no commit in common", "name an earlier good version"
        )
    base = git.line("merge-base", good, bad).split("\n")[0]
    note(f"{good[:10]} is on another branch; {base[:10]}, where they parted, is taken for the good version")
    return base


def _version_at(history: ModelHistory, end: ModelAt, model: ModelDag) -> ModelAt:
    """The model at the good end, under any name that it had.

    Raises:
        UsageError: It isn't there.
    """
    names = dict.fromkeys((end.name, *(each.name for each in reversed(model.dag.order))))
    for name in names:
        if history.at(end.commit, name):
            return model_dag(history, end.commit, name).tip
    raise UsageError(
        f"there's no {end.name} in {end.commit[:10]}", "name a version that has it, or leave --good away"
    )
