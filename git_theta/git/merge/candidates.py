"""The checkpoints to merge: those that several sides changed to different content."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from git_theta.errors import UsageError
from git_theta.git.plumbing.check_attr import attribute_values
from git_theta.git.plumbing.command import Git
from git_theta.git.plumbing.raw_diff import parse_raw_diff
from git_theta.git.repository.given_base import base_blob
from git_theta.sharding.index_file import is_index_name

#: Modes of files, executable or not; Git merges links and submodules.
_REGULAR = ("100644", "100755")


@dataclass(frozen=True, slots=True)
class MergeCandidate:
    """A checkpoint that several sides changed to different content.

    Attributes:
        path: Path from the top of the work tree.
        mode: Mode of the first side that changed the mode, or else of the first side that has the file.
        base: Blob of the merge base; empty if the file isn't there.
        sides: Blob of each side; empty where the file isn't there.
    """

    path: str
    mode: str
    base: str
    sides: tuple[str, ...]

    @property
    def changed(self) -> tuple[int, ...]:
        """Indices of the sides that have the file with other content than the merge base."""
        return tuple(i for i, oid in enumerate(self.sides) if oid and oid != self.base)

    @property
    def one_sided(self) -> bool:
        """Whether there's only one change, which Git takes without asking a merge driver."""
        return len({self.sides[i] for i in self.changed}) < 2


@dataclass(frozen=True, slots=True)
class _Version:
    """A version of a file: mode and blob, both empty where the file isn't there."""

    mode: str
    oid: str


def candidates(
    git: Git, base: str | None, sides: Sequence[str], *, one_sided: bool = False
) -> list[MergeCandidate]:
    """The checkpoints to merge, by path. Git merges files that a side removed or moved.

    Args:
        git: Git at the top of the work tree.
        base: The merge base's commit; `None` counts as a commit without files.
        sides: Commits, ours first.
        one_sided: Whether files with only one change are listed, too, if all versions have them.
    """
    start = base or git.run("hash-object", "-t", "tree", "--stdin", stdin=b"").decode().strip()
    changes = [dict(_changes(git, start, side)) for side in sides]
    # Indexes of shards have the attribute, too, but they're no checkpoints.
    paths = sorted({path for change in changes for path in change if not is_index_name(path)})
    found = [
        each
        for path in paths
        if (each := _candidate(path, [change.get(path) for change in changes], one_sided=one_sided))
    ]
    values = attribute_values(git, "merge", [each.path for each in found])
    return [each for each in found if values.get(each.path) == "theta"]


def with_base(git: Git, found: Sequence[MergeCandidate], base: str) -> list[MergeCandidate]:
    """The checkpoints with the base that the user gave, where that has the file.

    Args:
        git: Git at the top of the work tree.
        found: The checkpoints with Git's merge base.
        base: An id, as `base_id` gives it; empty for none.

    Raises:
        UsageError: The base has none of the files.
    """
    if not (base and found):
        return list(found)
    blobs = [base_blob(git, base, each.path) for each in found]
    if not any(blobs):
        raise UsageError(f"the base has none of the checkpoints that are merged, such as {found[0].path}")
    return [replace(each, base=blob or each.base) for each, blob in zip(found, blobs, strict=True)]


def _candidate(
    path: str, changes: Sequence[tuple[_Version, _Version] | None], *, one_sided: bool
) -> MergeCandidate | None:
    """The candidate of a path, if there's one, from the version before and after the change of each side."""
    before = next(change[0] for change in changes if change)
    after = [change[1] if change else before for change in changes]
    changed = [change[1] for change in changes if change]
    versions = [version for version in (before, *after) if version.oid]
    if not all(version.oid for version in changed):
        return None
    if len({version.oid for version in changed}) < 2 and not (one_sided and before.oid):
        return None
    if any(version.mode not in _REGULAR for version in versions):
        return None
    modes = [version.mode for version in after if version.oid]
    mode = next((mode for mode in modes if before.oid and mode != before.mode), modes[0])
    return MergeCandidate(path, mode, before.oid, tuple(version.oid for version in after))


def _changes(git: Git, old: str, new: str) -> Iterator[tuple[str, tuple[_Version, _Version]]]:
    """Path → version before and after, of each changed file between two trees."""
    git.check_listed(old, new)
    raw = git.listing("diff-tree", "-r", "-z", "--raw", "--no-renames", "--no-abbrev", old, new)
    for change in parse_raw_diff(raw):
        before, after = _Version(change.old_mode, change.old_oid), _Version(change.new_mode, change.new_oid)
        yield change.new_path, (before, after)
