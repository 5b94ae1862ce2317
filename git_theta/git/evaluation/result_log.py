"""Results of tests through the history of a model: recorded in commits, or known from earlier runs here."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from git_theta.errors import GitError, ThetaError, UsageError
from git_theta.evaluation.model_test import ModelTest
from git_theta.evaluation.recorded_results import (
    MAX_RESULTS,
    RecordedResult,
    parse_results,
    recorded,
    results_path,
)
from git_theta.git.evaluation.evaluator import Evaluator
from git_theta.git.evaluation.test_job import version_job
from git_theta.git.evaluation.version_trees import VersionTrees
from git_theta.git.plumbing.cat_file import Blobs
from git_theta.git.plumbing.raw_diff import raw_change
from git_theta.git.repository.repository import Repository
from git_theta.git.repository.tracked_text import tracked_place
from git_theta.lineage.graph import VersionNode
from git_theta.small_file import read_small_file


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
    known = _recorded(trees.repository, [*names], commit)
    return [
        LoggedVersion(
            version,
            {**_ran(trees, version, tests, evaluator), **known.get(version.model, {})},
        )
        for version in versions
    ]


def _recorded(
    repository: Repository, models: Sequence[str], commit: str
) -> dict[str, dict[str, RecordedResult]]:
    """Digest of a model → test → result, of all results in the history of a commit, and in the work tree."""
    found: dict[str, dict[str, RecordedResult]] = {}
    for path, text in _texts(repository, models, commit):
        # A text in conflict, or one that somebody broke, has no results.
        with suppress(UsageError):
            for test, result in parse_results(text, path).items():
                found.setdefault(result.model, {}).setdefault(test, result)
    return found


def _texts(repository: Repository, models: Sequence[str], commit: str) -> Iterator[tuple[str, bytes]]:
    """Paths and contents of recorded results, the newest first."""
    paths = [results_path(model) for model in models]
    for path in paths:
        with suppress(GitError, UsageError):
            yield path, read_small_file(tracked_place(repository.root, path), MAX_RESULTS)
    listing = repository.git.listing(
        *("log", "--raw", "-z", "--no-abbrev", "--no-renames", "-m", "--format=", commit, "--"),
        *(f":(top,literal){path}" for path in paths),
    )
    fields = iter(os.fsdecode(listing).split("\0"))
    with Blobs(repository.git.cwd) as blobs:
        seen = set()
        for head in fields:
            # Empty parts are between commits.
            change = raw_change(head, fields) if head else None
            if change and change.new_oid and change.new_oid not in seen:
                seen.add(change.new_oid)
                yield change.new_path, blobs.read(change.new_oid, MAX_RESULTS) or b""


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
