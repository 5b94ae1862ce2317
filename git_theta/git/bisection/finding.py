"""The first bad version of a model, with all that users want to know of it."""

from __future__ import annotations

from dataclasses import dataclass

from git_theta.bisection.bisection import Outcome
from git_theta.errors import ThetaError
from git_theta.git.bisection.affected import affected_models
from git_theta.git.bisection.bisect_versions import FoundVersion
from git_theta.git.bisection.model_dag import ModelAt
from git_theta.git.bisection.version_runs import VersionRuns
from git_theta.git.history.commit_info import CommitInfo
from git_theta.git.history.model_log import ModelRevision, model_changes
from git_theta.git.history.param_log import ParameterChanges
from git_theta.git.history.revisions import shallow_boundary
from git_theta.git.lineage.tree import LineageTree
from git_theta.git.repository.repository import Repository


@dataclass(frozen=True)
class Finding:
    """The first bad version of a model.

    Attributes:
        version: The version.
        commit: Its commit.
        value: Its metric; `None` if there's none, or if it's the bad end and was never tested.
        before: The versions before it, each with its metric if that's known.
        changes: What it changed, compared with each version before it; with nothing, if there's none.
        affected: Models that were made from bad versions, the nearest first.
        suspects: Commits that may have the first bad version, if it isn't certain, the newest first.
        has_good: Whether a version before it is good.
        is_boundary: Whether the history of a shallow clone ends there.
        count: The number of versions that were searched.
    """

    version: ModelAt
    commit: CommitInfo
    value: float | None
    before: tuple[tuple[ModelAt, float | None], ...]
    changes: tuple[ParameterChanges, ...]
    affected: tuple[str, ...]
    suspects: tuple[CommitInfo, ...]
    has_good: bool
    is_boundary: bool
    count: int


def finding(repository: Repository, runs: VersionRuns, found: FoundVersion, rev: str, name: str) -> Finding:
    """All about the end of a bisection.

    Args:
        repository: The repository.
        runs: The tests that ran.
        found: The end of the bisection.
        rev: The id of the commit whose lineage says which models are affected.
        name: The model's name in it.
    """
    model, bad = found.model, found.bad
    commit = model.commits[bad.commit]
    before = model.dag.parents_of(bad)
    doubtful = [version for version in reversed(model.dag.order) if version in found.suspects]
    boundary = shallow_boundary(repository)
    return Finding(
        bad,
        commit,
        _value(runs, bad),
        tuple((each, _value(runs, each)) for each in before),
        tuple(_changes(repository, runs, found, each) for each in before or (None,)),
        tuple(_affected(repository, runs, found, rev, name)),
        tuple(model.commits[each.commit] for each in doubtful) if len(doubtful) > 1 else (),
        found.has_good,
        any(each.commit in boundary for each in found.suspects),
        found.count,
    )


def _value(runs: VersionRuns, version: ModelAt) -> float | None:
    tested = runs.tested.get(version)
    return tested.value if tested else None


def _changes(
    repository: Repository, runs: VersionRuns, found: FoundVersion, before: ModelAt | None
) -> ParameterChanges:
    """The changes of the first bad version to one of the versions before it."""
    bad, stored = found.bad, found.model.stored
    revision = ModelRevision(
        found.model.commits[bad.commit],
        bad.name,
        before.name if before else bad.name,
        stored[before] if before else None,
        stored[bad],
    )
    return next(model_changes([revision], runs.history, repository.store.size))


def _affected(
    repository: Repository, runs: VersionRuns, found: FoundVersion, rev: str, name: str
) -> list[str]:
    """Descendants of bad versions; those of versions that may be the first bad one are among them."""
    model = found.model
    bad = found.suspects | model.dag.descendants(found.suspects)
    with LineageTree(repository, rev) as tree:
        spared: set[str] = set()
        affected: set[str] = set()
        for version, stored in model.stored.items():
            try:
                digest = tree.facts_of(stored.oids).model
            except ThetaError:
                continue
            tested = runs.tested.get(version)
            is_good = tested is not None and tested.outcome(runs.criterion) is Outcome.GOOD
            (spared if version not in bad or is_good else affected).add(digest)
        return affected_models(tree, name, spared - affected)
