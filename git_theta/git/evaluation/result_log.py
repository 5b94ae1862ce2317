"""Results of tests through the history of a model: recorded in commits, or known from earlier runs here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from git_theta.errors import ThetaError
from git_theta.evaluation.model_test import ModelTest
from git_theta.evaluation.recorded_results import RecordedResult, recorded
from git_theta.git.evaluation.evaluator import Evaluator
from git_theta.git.evaluation.recorded_history import recorded_history
from git_theta.git.evaluation.test_job import version_job
from git_theta.git.evaluation.version_trees import VersionTrees
from git_theta.lineage.graph import VersionNode


@dataclass(frozen=True, slots=True)
class LoggedVersion:
    """A version of a model, and its results as far as they're known.

    Attributes:
        version: The version.
        results: Test → result.
    """

    version: VersionNode
    results: Mapping[str, RecordedResult]


def result_log(
    trees: VersionTrees,
    model: str,
    commit: str,
    tests: Sequence[ModelTest] = (),
    evaluator: Evaluator | None = None,
) -> list[LoggedVersion]:
    """The versions of a model up to a commit with their results, the newest first. Nothing is run.

    Args:
        trees: Trees of the repository.
        model: The model's path in the commit.
        commit: The commit's id.
        tests: Tests whose results are looked up, too, if they ran here.
        evaluator: Knows results of earlier runs; `None` for recorded results alone.
    """
    versions = trees.versions(model, commit)
    names = dict.fromkeys((model, *(version.path for version in versions)))
    known = recorded_history(trees.repository, commit, [*names])
    return [
        LoggedVersion(
            version,
            {**_ran(trees, version, tests, evaluator), **known.get(version.model, {})},
        )
        for version in versions
    ]


def _ran(
    trees: VersionTrees, version: VersionNode, tests: Sequence[ModelTest], evaluator: Evaluator | None
) -> dict[str, RecordedResult]:
    """Test → result, of tests of a version that ran here."""
    found = {}
    for test in tests if evaluator else ():
        with suppress(ThetaError):
            job = version_job(trees.tree(version.commit), test, version.path, version.commit)
            result = evaluator.known(job) if evaluator else None
            if result:
                found[test.name] = recorded(test, result)
    return found
