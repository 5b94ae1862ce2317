"""Bisection along derivations: the first ancestors of a model that fail, and then their versions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from git_theta.bisection.bisection import Outcome
from git_theta.bisection.origins import origins
from git_theta.bisection.search import VersionTester, WrongEndError
from git_theta.git.bisection.bisect_versions import BisectEnds, FoundVersion, search_history, set_criterion
from git_theta.git.bisection.derivation_dag import derivation_dag
from git_theta.git.bisection.model_dag import ModelAt, model_dag
from git_theta.git.bisection.version_runs import VersionRuns
from git_theta.git.repository.repository import Repository


@dataclass(frozen=True)
class FoundAncestors:
    """The end of a bisection along derivations.

    Attributes:
        found: The first bad version of each ancestor that fails, and whose own parents don't.
        suspects: For each of these, ancestors that can't be tested, and may be the first that fails.
        notes: Sentences about ancestors that weren't looked at.
    """

    found: tuple[FoundVersion, ...]
    suspects: tuple[frozenset[ModelAt], ...]
    notes: tuple[str, ...]


def bisect_ancestry(
    repository: Repository,
    runs: VersionRuns,
    ends: BisectEnds,
    report: Callable[[ModelAt], None] = lambda _ancestor: None,
) -> FoundAncestors:
    """Find the first ancestors of a model that fail, and the first bad version of each.

    Args:
        repository: The repository.
        runs: Runs the test. Its criterion is set by the ends.
        ends: The ends; versions of ancestors are searched without a good one.
        report: Called with each ancestor before its versions are searched.

    Raises:
        WrongEndError: The model doesn't fail, or can't be tested.
        ThetaError: A test can't run, or derivations go in a circle.
    """
    family = derivation_dag(repository, runs.history, ends.bad.commit, ends.bad.name)
    set_criterion(runs, replace(ends, bad=family.tip, good=None))
    found = origins(family.dag, family.tip, VersionTester(runs.outcome))
    if not found:
        tested = runs.test_version(family.tip)
        what = "can't be tested" if tested.outcome(runs.criterion) is Outcome.SKIPPED else "passes the test"
        reason = f": {tested.reason}" if tested.reason else ""
        raise WrongEndError(
            f"{ends.bad.name} {what}{reason}", "name a model that fails, or a version of it: --bad REV"
        )
    versions = []
    for each in found:
        report(each.bad)
        versions.append(search_history(runs, model_dag(runs.history, each.bad.commit, each.bad.name)))
    return FoundAncestors(tuple(versions), tuple(each.suspects - {each.bad} for each in found), family.notes)
