"""What a migration has to convert: found before anything is done."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from git_theta.git.migrate.commit_history import Commit, History
from git_theta.git.migrate.git_objects import TREE, Entry
from git_theta.git.migrate.selection import Selection, State


@dataclass(frozen=True, slots=True)
class Version:
    """A blob that is concerned.

    Attributes:
        oid: Its id.
        path: Where it was found first, from the top.
        before: The blob that the first parent has at that path; empty for none.
    """

    oid: str
    path: bytes
    before: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What a migration concerns.

    Attributes:
        versions: Each distinct blob once, those of parents first.
        paths: Every path of such a blob.
        states: What goes for each commit.
    """

    versions: tuple[Version, ...]
    paths: Mapping[str, frozenset[bytes]]
    states: Mapping[str, State]


def make_plan(history: History, selection: Selection) -> Plan:
    """Look at every tree of a history.

    Raises:
        UsageError: Attributes files can't be changed as the user wants it.
    """
    return _Planner(history, selection).plan()


class _Planner:
    def __init__(self, history: History, selection: Selection) -> None:
        self._history = history
        self._selection = selection
        self._tree = history.objects.tree
        self._versions: dict[str, Version] = {}
        self._paths: dict[str, set[bytes]] = {}
        self._seen: set[tuple[str, bytes, State]] = set()
        self._without: set[tuple[str, bytes]] = set()
        self._states: dict[str, State] = {}
        self._active: set[str] = set()

    def plan(self) -> Plan:
        for commit in self._history.commits:
            if self._is_active(commit):
                self._active.add(commit.oid)
            files = self._history.attribute_files(commit.tree)
            state = self._selection.state(files, active=commit.oid in self._active)
            self._states[commit.oid] = state
            before = self._history.trees.get(commit.parents[0]) if commit.parents else None
            self._walk(commit.tree, before, b"", state)
        paths = {oid: frozenset(paths) for oid, paths in self._paths.items()}
        return Plan(tuple(self._versions.values()), paths, self._states)

    def _is_active(self, commit: Commit) -> bool:
        """Whether it or an ancestor has an included file, so that attributes files name the pattern."""
        if not self._selection.goal.include:
            return False
        return any(parent in self._active for parent in commit.parents) or self._has_included(
            commit.tree, b""
        )

    def _has_included(self, tree: str, prefix: bytes) -> bool:
        if (tree, prefix) in self._without:
            return False
        for entry in self._tree(tree):
            path = prefix + entry.name
            if entry.mode == TREE:
                if self._has_included(entry.oid, path + b"/"):
                    return True
            elif entry.is_file and self._selection.includes(path):
                return True
        self._without.add((tree, prefix))
        return False

    def _walk(self, tree: str, before: str | None, prefix: bytes, state: State) -> None:
        if (tree, prefix, state) in self._seen:
            return
        self._seen.add((tree, prefix, state))
        earlier = _by_name(self._tree(before)) if before else {}
        for entry in self._tree(tree):
            path, old = prefix + entry.name, earlier.get(entry.name)
            if entry.mode == TREE:
                self._walk(entry.oid, old.oid if old and old.mode == TREE else None, path + b"/", state)
            elif entry.is_file and entry.name != b".gitattributes" and state.concerns(path):
                self._paths.setdefault(entry.oid, set()).add(path)
                known = Version(entry.oid, path, old.oid if old and old.is_file else "")
                self._versions.setdefault(entry.oid, known)


def _by_name(entries: Iterable[Entry]) -> dict[bytes, Entry]:
    return {entry.name: entry for entry in entries}
