"""Blame: for each parameter of a version of a file, the commit that last changed it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from git_theta.git.history.ancestry import ancestry, blobs_at, real_parents
from git_theta.git.history.commit_info import CommitInfo
from git_theta.git.history.renames import find_rename_source
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


def blame(
    repository: Repository,
    manifests: ManifestReader,
    manifest: Manifest,
    tip: str,
    path: str,
    is_chosen: Callable[[str], bool],
) -> BlameResult:
    """Follow each parameter back, as long as a parent has the same one by name, dtype, shape and digest.

    A parameter that a merge took from any of its parents comes from there. Renames of the file are followed.

    Args:
        repository: The repository.
        manifests: Reads manifests.
        manifest: The version.
        tip: The id of the commit that has it.
        path: The file's path from the top.
        is_chosen: Whether a parameter of this name is followed.
    """
    entries = {entry.name: entry for entry in manifest.entries if is_chosen(entry.name)}
    walk = _Walk(repository, manifests, entries)
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
        repository: The repository.
        manifests: Reads manifests.
        entries: The parameters that are followed, by name.
        found: Their origins, by name.
        skipped: Problems of versions that aren't valid manifests, by the id of the commit.
    """

    repository: Repository
    manifests: ManifestReader
    entries: Mapping[str, Entry]
    found: dict[str, ParameterOrigin] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)

    def segment(self, path: str, tip: str, names: set[str]) -> Iterator[tuple[tuple[str, str], set[str]]]:
        """Follow parameters back while the file has one path.

        Yields:
            The other paths at which to go on, as (path, commit id), each with the parameters to follow.
        """
        git = self.repository.git
        commits = ancestry(git, tip, path)
        by_oid = {commit.oid: commit for commit in commits}
        by_tree = blobs_at(git, [commit.tree for commit in commits], path)
        blobs = {commit.oid: by_tree[commit.tree] for commit in commits if commit.tree in by_tree}
        parents = real_parents(git, commits)
        waiting = {commits[0].oid: names}
        for commit in commits:
            remaining = waiting.pop(commit.oid, set())
            for parent in self._readable(commit, by_oid, blobs) if remaining else ():
                is_same_blob = blobs[parent] == blobs[commit.oid]
                same = remaining if is_same_blob else self._unchanged(remaining, blobs[parent])
                waiting.setdefault(parent, set()).update(same)
                remaining = remaining - same
            known = sum(parent in blobs for parent in commit.parents)
            for parent in parents[commit.oid] if remaining and known < len(parents[commit.oid]) else ():
                source = find_rename_source(git, self.manifests, parent, commit.oid, path)
                if source:
                    old_path, blob = source
                    same = self._unchanged(remaining, blob)
                    yield (old_path, parent), same
                    remaining = remaining - same
            self.found.update({name: ParameterOrigin(self.entries[name], commit, path) for name in remaining})

    def _readable(
        self, commit: CommitInfo, by_oid: Mapping[str, CommitInfo], blobs: Mapping[str, str]
    ) -> Iterator[str]:
        """Ids of the nearest ancestors whose version is a valid manifest."""
        stack = list(reversed(commit.parents))
        seen = set()
        while stack:
            parent = stack.pop()
            if parent not in blobs or parent in seen:
                continue
            seen.add(parent)
            if self.manifests.get(blobs[parent]):
                yield parent
            else:
                self.skipped[parent] = self.manifests.problem(blobs[parent])
                stack += reversed(by_oid[parent].parents)

    def _unchanged(self, names: set[str], blob: str) -> set[str]:
        """The names of the parameters that are the same in another version."""
        manifest = self.manifests.get(blob)
        theirs = manifest.by_name if manifest else {}
        found = set()
        for name in names:
            mine, other = self.entries[name], theirs.get(name)
            if other and (other.digest, other.spec) == (mine.digest, mine.spec):
                found.add(name)
        return found
