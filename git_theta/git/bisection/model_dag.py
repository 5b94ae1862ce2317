"""The versions of a model in history as a graph: the commits that changed it, merges and renames included."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from git_theta.bisection.version_dag import VersionDag
from git_theta.errors import UsageError
from git_theta.git.history.ancestry import real_parents
from git_theta.git.history.commit_info import CommitInfo
from git_theta.git.history.model_history import ModelHistory, StoredModel
from git_theta.git.plumbing.command import Git


@dataclass(frozen=True, slots=True)
class ModelAt:
    """A model at a commit.

    Attributes:
        commit: The commit's id.
        name: The model's name there; see `git_theta.sharding.parts.ModelParts`.
    """

    commit: str
    name: str


@dataclass(frozen=True)
class ModelDag:
    """The versions of a model, up to one of them.

    Attributes:
        tip: The newest version, at the commit that made it.
        dag: The versions, each at the commit that made it. A version whose parents merged to exactly it has
            the parent with that content only, as in `git log`.
        commits: Id → commit.
        stored: The files of each version.
    """

    tip: ModelAt
    dag: VersionDag[ModelAt]
    commits: Mapping[str, CommitInfo]
    stored: Mapping[ModelAt, StoredModel]


def model_dag(history: ModelHistory, commit: str, name: str) -> ModelDag:
    """The versions of a model that a commit's version comes from, followed through renames.

    Commits without the model are left out: a version after one has the versions before it as its parents.

    Args:
        history: Finds the versions.
        commit: The id of the commit.
        name: The model's name in it.

    Raises:
        UsageError: The commit doesn't have the model.
    """
    if history.at(commit, name) is None:
        raise UsageError(f"there's no model {name} in {commit[:10]}", "`git theta ls-files` lists models")
    segments: dict[ModelAt, _Segment] = {}
    waiting = [ModelAt(commit, name)]
    while waiting:
        start = waiting.pop()
        if start not in segments:
            segments[start] = _segment(history, start)
            waiting += segments[start].sources
    parents: dict[ModelAt, tuple[ModelAt, ...]] = {}
    for segment in segments.values():
        for version, above in segment.parents.items():
            origins = [segments[source].head for source in segment.renamed.get(version, ())]
            found = (*parents.get(version, ()), *above, *origins)
            parents[version] = tuple(dict.fromkeys(each for each in found if each != version))
    commits = {each.oid: each for segment in segments.values() for each in segment.commits}
    stored = {each: model for each in parents if (model := history.at(each.commit, each.name))}
    return ModelDag(segments[ModelAt(commit, name)].head, VersionDag(parents), commits, stored)


def versions_outside(git: Git, versions: Iterable[ModelAt], good: str) -> frozenset[ModelAt]:
    """Versions whose commits aren't ancestors of a commit, nor the commit itself.

    Args:
        git: Git in the repository.
        versions: The versions.
        good: The id of the commit.
    """
    asked = tuple(versions)
    lines = "".join(f"{oid}\n" for oid in (*dict.fromkeys(each.commit for each in asked), f"^{good}"))
    listed = {*git.run("rev-list", "--stdin", stdin=lines.encode()).decode().split()}
    return frozenset(each for each in asked if each.commit in listed)


@dataclass(frozen=True, slots=True)
class _Segment:
    """The versions of a model under one name.

    Attributes:
        head: The newest of them.
        parents: Their parents in the segment.
        renamed: The places at which the model had another name before, of versions that began the name.
        commits: The commits.
    """

    head: ModelAt
    parents: Mapping[ModelAt, tuple[ModelAt, ...]]
    renamed: Mapping[ModelAt, tuple[ModelAt, ...]]
    commits: Sequence[CommitInfo]

    @property
    def sources(self) -> list[ModelAt]:
        """The places at which the history goes on."""
        return [source for sources in self.renamed.values() for source in sources]


def _segment(history: ModelHistory, start: ModelAt) -> _Segment:
    name = start.name
    commits = history.commits(start.commit, name)
    by_oid = {commit.oid: commit for commit in commits}
    present = history.versions(commits, name)
    all_parents = real_parents(history.git, commits)
    # The commit that made the content of each commit.
    makers: dict[str, str] = {}
    parents, renamed = {}, {}
    for commit in reversed([commit for commit in commits if commit.oid in present]):
        above = [makers[oid] for oid in _nearest(commit, by_oid, present)]
        same = next((oid for oid in above if present[oid] == present[commit.oid]), None)
        makers[commit.oid] = same or commit.oid
        if same:
            continue
        version = ModelAt(commit.oid, name)
        parents[version] = tuple(ModelAt(oid, name) for oid in dict.fromkeys(above))
        known = sum(parent in present for parent in commit.parents)
        if known < len(all_parents[commit.oid]):
            renamed[version] = tuple(
                ModelAt(parent, source[0])
                for parent in all_parents[commit.oid]
                if (source := history.renamed(parent, commit.oid, name))
            )
    newest = next(commit.oid for commit in commits if commit.oid in present)
    return _Segment(ModelAt(makers[newest], name), parents, renamed, commits)


def _nearest(
    commit: CommitInfo, by_oid: Mapping[str, CommitInfo], present: Mapping[str, object]
) -> Iterator[str]:
    """Ids of the nearest ancestors that have the model."""
    waiting, seen = list(reversed(commit.parents)), set()
    while waiting:
        oid = waiting.pop()
        if oid in seen:
            continue
        seen.add(oid)
        if oid in present:
            yield oid
        elif oid in by_oid:
            waiting += reversed(by_oid[oid].parents)
