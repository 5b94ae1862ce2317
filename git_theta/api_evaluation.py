"""The Python API of tests of models."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from git_theta.evaluation.comparison import ComparedResult
from git_theta.evaluation.model_test import find_test
from git_theta.git.evaluation.chosen_versions import VersionChoice, chosen_versions
from git_theta.git.evaluation.compared_run import RunChoices, compared_run
from git_theta.git.evaluation.evaluator import Evaluator
from git_theta.git.evaluation.tracked_tests import read_tests
from git_theta.git.evaluation.version_trees import VersionTrees
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.repository import Repository


def run_tests(
    repository: str | os.PathLike[str] = ".",
    tests: Sequence[str] = (),
    models: Sequence[str] = (),
    revs: Sequence[str] = (),
    jobs: int = 1,
) -> list[ComparedResult]:
    """The results of tests of models, as `git theta test run` has them.

    Args:
        repository: A folder of the repository.
        tests: Names of tests; all when there are none.
        models: Paths of models from the top of the repository; when there are none, those that the tests are
            for.
        revs: Revisions, and ranges such as `v1..main`; the index when there are none.
        jobs: The number of commands that run at once.

    Raises:
        UsageError: There's no such test, model or revision, or the file of tests isn't valid.
        GitError: The folder isn't in a repository.
    """
    found = Repository(Git(Path(repository)))
    known = read_tests(found)
    named = [find_test(known, name) for name in tests]
    with VersionTrees(found) as trees, Evaluator(found) as evaluator:
        choice = VersionChoice(models, revs)
        chosen = chosen_versions(trees, named or known, choice, is_named=bool(named))
        return compared_run(trees, evaluator, chosen, RunChoices(jobs=jobs))
