"""The good end of a bisection, if nobody names one: the version with the best recorded metric."""

from __future__ import annotations

import math

from git_theta.evaluation.model_test import ModelTest
from git_theta.git.bisection.model_dag import ModelAt
from git_theta.git.evaluation.result_log import result_log
from git_theta.git.evaluation.version_trees import VersionTrees
from git_theta.git.repository.repository import Repository


def best_recorded(repository: Repository, test: ModelTest, end: ModelAt) -> tuple[ModelAt, float] | None:
    """The version of a model with the best metric that's recorded, and the metric. Nothing is run.

    Args:
        repository: The repository.
        test: The test.
        end: The model at the commit whose history is searched.

    Returns:
        The newest of the best ones; `None` if there's none, or it's the newest version of all.
    """
    with VersionTrees(repository) as trees:
        log = result_log(trees, end.name, end.commit)
    sign = 1 if test.higher_is_better else -1
    best: tuple[ModelAt, float] | None = None
    for logged in log:
        result = logged.results.get(test.name)
        value = result.value if result and result.ok else None
        if value is None or not math.isfinite(value):
            continue
        if best is None or sign * value > sign * best[1]:
            best = ModelAt(logged.version.commit, logged.version.path), value
    return best if best and best[0].commit != log[0].version.commit else None
