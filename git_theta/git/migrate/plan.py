"""The files that a migration converts, found before anything is done."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from git_theta.git.migrate.commit_history import CommitHistory, CommitNode
from git_theta.git.migrate.git_objects import TREE, TreeEntry
from git_theta.git.migrate.selection import Selection, TreeSelection


@dataclass(frozen=True, slots=True)
class PlannedBlob:
    """A version of a file, which is converted if it isn't stored as it should be.

    Attributes:
        oid: The blob's id.
        path: The path at which it was found first, from the top.
        before: The blob that the first parent has at that path; empty for none.
    """

    oid: str
    path: bytes
    before: str


@dataclass(frozen=True, slots=True)
class MigrationPlan:
    """The files that a migration concerns.

    Attributes:
        blobs: Each distinct blob once, those of parents first.
        paths: Every path of such a blob.
        selections: Commit → which of its files are concerned.
    """

    blobs: tuple[PlannedBlob, ...]
    paths: Mapping[str, frozenset[bytes]]
    selections: Mapping[str, TreeSelection]


def make_plan(history: CommitHistory, selection: Selection) -> MigrationPlan:
    """Find the files that a migration concerns, in every tree of a history.

    Raises:
        UsageError: Attributes files can't be changed as the user wants it.
    """
    return _Planner(history, selection).plan()


class _Planner:
    def __init__(self, history: CommitHistory, selection: Selection) -> None:
        self._history = history
        self._selection = selection
        self._tree = history.objects.tree
        self._blobs: dict[str, PlannedBlob] = {}
        self._paths: dict[str, set[bytes]] = {}
        self._seen: set[tuple[str, bytes, TreeSelection]] = set()
        self._without_included: set[tuple[str, bytes]] = set()
        self._selections: dict[str, TreeSelection] = {}
        self._active: set[str] = set()

    def plan(self) -> MigrationPlan:
        for commit in self._history.commits:
            if self._is_active(commit):
                self._active.add(commit.oid)
            files = self._history.attribute_files(commit.tree)
            chosen = self._selection.of_tree(files, active=commit.oid in self._active)
            self._selections[commit.oid] = chosen
            before = self._history.trees.get(commit.parents[0]) if commit.parents else None
            self._walk(commit.tree, before, b"", chosen)
        paths = {oid: frozenset(paths) for oid, paths in self._paths.items()}
        return MigrationPlan(tuple(self._blobs.values()), paths, self._selections)

    def _is_active(self, commit: CommitNode) -> bool:
        """Whether a commit or an ancestor has an included file, so that attributes files name the pattern."""
        if not self._selection.goal.include:
            return False
        return any(parent in self._active for parent in commit.parents) or self._has_included(
            commit.tree, b""
        )

    def _has_included(self, tree: str, prefix: bytes) -> bool:
        if (tree, prefix) in self._without_included:
            return False
        for entry in self._tree(tree):
            path = prefix + entry.name
            if entry.mode == TREE:
                if self._has_included(entry.oid, path + b"/"):
                    return True
            elif entry.is_file and self._selection.includes(path):
                return True
        self._without_included.add((tree, prefix))
        return False

    def _walk(self, tree: str, before: str | None, prefix: bytes, chosen: TreeSelection) -> None:
        if (tree, prefix, chosen) in self._seen:
            return
        self._seen.add((tree, prefix, chosen))
        earlier = _by_name(self._tree(before)) if before else {}
        for entry in self._tree(tree):
            path, old = prefix + entry.name, earlier.get(entry.name)
            if entry.mode == TREE:
                self._walk(entry.oid, old.oid if old and old.mode == TREE else None, path + b"/", chosen)
            elif entry.is_file and entry.name != b".gitattributes" and chosen.concerns(path):
                self._paths.setdefault(entry.oid, set()).add(path)
                known = PlannedBlob(entry.oid, path, old.oid if old and old.is_file else "")
                self._blobs.setdefault(entry.oid, known)


def _by_name(entries: Iterable[TreeEntry]) -> dict[bytes, TreeEntry]:
    return {entry.name: entry for entry in entries}
