"""Contested checkpoints: those that more than one side of a merge changed, to different content."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from git_theta.git.plumbing.check_attr import attribute_values
from git_theta.git.plumbing.command import Git
from git_theta.git.plumbing.raw_diff import parse_raw_diff

#: Modes of files, executable or not; links and submodules are Git's business.
_REGULAR = ("100644", "100755")


@dataclass(frozen=True, slots=True)
class Contested:
    """A checkpoint that the sides of a merge have differently.

    Attributes:
        path: From the top of the work tree.
        mode: Of the first side that changed it, else of the first that has it.
        base: The merge base's blob; empty if it isn't there.
        sides: Each side's blob; empty where it isn't there.
    """

    path: str
    mode: str
    base: str
    sides: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Version:
    mode: str
    oid: str


def contested(git: Git, base: str | None, sides: Sequence[str]) -> list[Contested]:
    """The checkpoints that must be merged, because Git couldn't tell by equality.

    One that a side removed or moved isn't among them: Git sees to that.

    Args:
        git: Git in the repository, at the top of its work tree.
        base: A commit; `None` if there's none, which counts as one without files.
        sides: Commits.
    """
    start = base or git.run("hash-object", "-t", "tree", "--stdin", stdin=b"").decode().strip()
    changes = [dict(_changes(git, start, side)) for side in sides]
    paths = sorted({path for change in changes for path in change})
    found = [each for path in paths if (each := _contested(path, changes))]
    ours = _merged_by_us(git, [each.path for each in found])
    return [each for each in found if each.path in ours]


def _contested(path: str, changes: Sequence[Mapping[str, tuple[_Version, _Version]]]) -> Contested | None:
    pairs = [change.get(path) for change in changes]
    before = next(pair[0] for pair in pairs if pair)
    after = [pair[1] if pair else before for pair in pairs]
    changed = [version for version, pair in zip(after, pairs, strict=True) if pair]
    there = [version for version in (before, *after) if version.oid]
    if len({version.oid for version in changed}) < 2 or not all(version.oid for version in changed):
        return None
    if any(version.mode not in _REGULAR for version in there):
        return None
    modes = [version.mode for version in after if version.oid]
    mode = next((mode for mode in modes if before.oid and mode != before.mode), modes[0])
    return Contested(path, mode, before.oid, tuple(version.oid for version in after))


def _changes(git: Git, old: str, new: str) -> Iterator[tuple[str, tuple[_Version, _Version]]]:
    """Path → version before and after; the id is empty where it isn't there."""
    raw = git.run("diff-tree", "-r", "-z", "--raw", "--no-renames", "--no-abbrev", old, new)
    for change in parse_raw_diff(raw):
        before, after = _Version(change.old_mode, change.old_oid), _Version(change.new_mode, change.new_oid)
        yield change.new_path, (before, after)


def _merged_by_us(git: Git, paths: Sequence[str]) -> set[str]:
    """Those whose attributes name our merge driver."""
    return {path for path, value in attribute_values(git, "merge", paths).items() if value == "theta"}
