"""Blame: for each parameter of a version of a file, the commit that last changed it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from git_theta.git.history.ancestry import ancestry, blobs_at, real_parents
from git_theta.git.history.commit_info import CommitInfo
from git_theta.git.history.renames import find_rename_source
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.manifest_reader import ManifestReader
from git_theta.git.repository.repository import Repository
from git_theta.model.manifest import Entry, Manifest


@dataclass(frozen=True, slots=True)
class ParameterOrigin:
    """The commit that a parameter comes from.

    Attributes:
        entry: The parameter.
        commit: The commit that last changed its value, dtype or shape.
        path: The file's path in that commit.
    """

    entry: Entry
    commit: CommitInfo
    path: str


@dataclass(frozen=True, slots=True)
class BlameResult:
    """The commits that the parameters of a version come from.

    Attributes:
        origins: One for each chosen parameter, in the order of the manifest.
        skipped: Problems of versions that aren't valid manifests, by the id of the commit; history was
            followed through them.
    """

    origins: tuple[ParameterOrigin, ...]
    skipped: Mapping[str, str]


class BlameHistory(Protocol):
    """Finds and reads the versions of what is blamed. A version is told by a key: equal ones are the same."""

    def commits(self, tip: str, path: str) -> list[CommitInfo]:
        """The commits that the content comes from, each before its parents; see `ancestry`."""
        ...

    def versions(self, commits: Sequence[CommitInfo], path: str) -> Mapping[str, Hashable]:
        """The version in each commit that has one, by the id of the commit."""
        ...

    def read(self, key: Hashable) -> Manifest | None:
        """The manifest of a version; `None` if it isn't valid."""
        ...

    def reason(self, key: Hashable) -> str:
        """The reason why a version isn't valid."""
        ...

    def renamed(self, parent: str, commit: str, path: str) -> tuple[str, Hashable] | None:
        """The path in a parent of the commit that renamed it, and the version there; `None` for a new one."""
        ...


@dataclass(frozen=True, slots=True)
class FileHistory:
    """The versions of files, as a `BlameHistory`; the key of a version is the id of its blob.

    Attributes:
        git: Git in the repository.
        manifests: Reads manifests.
    """

    git: Git
    manifests: ManifestReader

    def commits(self, tip: str, path: str) -> list[CommitInfo]:
        """See `BlameHistory.commits`."""
        return ancestry(self.git, tip, [f":(top,literal){path}"])

    def versions(self, commits: Sequence[CommitInfo], path: str) -> Mapping[str, Hashable]:
        """See `BlameHistory.versions`."""
        by_tree = blobs_at(self.git, [commit.tree for commit in commits], path)
        return {commit.oid: by_tree[commit.tree] for commit in commits if commit.tree in by_tree}

    def read(self, key: Hashable) -> Manifest | None:
        """See `BlameHistory.read`."""
        return self.manifests.get(str(key))

    def reason(self, key: Hashable) -> str:
        """See `BlameHistory.reason`."""
        return self.manifests.problem(str(key))

    def renamed(self, parent: str, commit: str, path: str) -> tuple[str, Hashable] | None:
        """See `BlameHistory.renamed`."""
        return find_rename_source(self.git, self.manifests, parent, commit, path)


def blame(
    repository: Repository,
    manifests: ManifestReader,
    manifest: Manifest,
    tip: str,
    path: str,
    is_chosen: Callable[[str], bool],
    history: BlameHistory | None = None,
) -> BlameResult:
    """Follow each parameter back, as long as a parent has the same one by name, dtype, shape and digest.

    A parameter that a merge took from any of its parents comes from there. Renames are followed.

    Args:
        repository: The repository.
        manifests: Reads manifests.
        manifest: The version.
        tip: The id of the commit that has it.
        path: The path of the file, or the name of the model, from the top.
        is_chosen: Whether a parameter of this name is followed.
        history: Finds and reads the versions; `None` for those of the file at the path.
    """
    git = repository.git
    history = history or FileHistory(git, manifests)
    entries = {entry.name: entry for entry in manifest.entries if is_chosen(entry.name)}
    walk = _Walk(git, history, entries)
    starts = {(path, tip): set(entries)}
    while starts:
        (start_path, commit), names = starts.popitem()
        for start, more in walk.segment(start_path, commit, names):
            starts.setdefault(start, set()).update(more)
    return BlameResult(tuple(walk.found[name] for name in entries), walk.skipped)


@dataclass(frozen=True, slots=True)
class _Walk:
    """A walk through history, and the origins found so far.

    Attributes:
        git: Git in the repository.
        history: Finds and reads the versions.
        entries: The parameters that are followed, by name.
        found: Their origins, by name.
        skipped: Problems of versions that aren't valid manifests, by the id of the commit.
    """

    git: Git
    history: BlameHistory
    entries: Mapping[str, Entry]
    found: dict[str, ParameterOrigin] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)

    def segment(self, path: str, tip: str, names: set[str]) -> Iterator[tuple[tuple[str, str], set[str]]]:
        """Follow parameters back while there's one path.

        Yields:
            The other paths at which to go on, as (path, commit id), each with the parameters to follow.
        """
        commits = self.history.commits(tip, path)
        by_oid = {commit.oid: commit for commit in commits}
        keys = self.history.versions(commits, path)
        parents = real_parents(self.git, commits)
        waiting = {commits[0].oid: names}
        for commit in commits:
            remaining = waiting.pop(commit.oid, set())
            for parent in self._readable(commit, by_oid, keys) if remaining else ():
                is_same = keys[parent] == keys[commit.oid]
                same = remaining if is_same else self._unchanged(remaining, keys[parent])
                waiting.setdefault(parent, set()).update(same)
                remaining = remaining - same
            known = sum(parent in keys for parent in commit.parents)
            for parent in parents[commit.oid] if remaining and known < len(parents[commit.oid]) else ():
                source = self.history.renamed(parent, commit.oid, path)
                if source:
                    old_path, key = source
                    same = self._unchanged(remaining, key)
                    yield (old_path, parent), same
                    remaining = remaining - same
            self.found.update({name: ParameterOrigin(self.entries[name], commit, path) for name in remaining})

    def _readable(
        self, commit: CommitInfo, by_oid: Mapping[str, CommitInfo], keys: Mapping[str, Hashable]
    ) -> Iterator[str]:
        """Ids of the nearest ancestors whose version is a valid manifest."""
        stack = list(reversed(commit.parents))
        seen = set()
        while stack:
            parent = stack.pop()
            if parent not in keys or parent in seen:
                continue
            seen.add(parent)
            if self.history.read(keys[parent]):
                yield parent
            else:
                self.skipped[parent] = self.history.reason(keys[parent])
                stack += reversed(by_oid[parent].parents)

    def _unchanged(self, names: set[str], key: Hashable) -> set[str]:
        """The names of the parameters that are the same in another version."""
        manifest = self.history.read(key)
        theirs = manifest.by_name if manifest else {}
        found = set()
        for name in names:
            mine, other = self.entries[name], theirs.get(name)
            if other and (other.digest, other.spec) == (mine.digest, mine.spec):
                found.add(name)
        return found
