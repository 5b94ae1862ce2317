"""The files that a migration concerns, and the attributes files that change with them."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from git_theta.errors import UsageError
from git_theta.git.migrate.attribute_index import write_index
from git_theta.git.migrate.attributes import Target, assign_patterns, complete_lines, switch_filter
from git_theta.git.migrate.commit_history import AttributeFiles
from git_theta.git.migrate.git_objects import GitObjects
from git_theta.git.plumbing.check_attr import AttributeLookup
from git_theta.git.plumbing.command import Git
from git_theta.git.repository import gitattributes
from git_theta.report.text import printable

#: How many selections have helper processes at once.
_MAX_OPEN = 8

_INCLUDED = "git-theta-included"


@dataclass(frozen=True, slots=True)
class MigrationGoal:
    """The files that a migration is for, and how they're stored after it.

    Attributes:
        target: How files are to be stored.
        include: Patterns of files, as the topmost .gitattributes has them. Without any, an import is for the
            patterns in `chosen`, and an export for all files of git-theta.
        chosen: Patterns of git-lfs that git-theta gets: (folder, pattern).
    """

    target: Target
    include: tuple[str, ...] = ()
    chosen: Collection[tuple[str, str]] = ()

    def texts(self, old: Mapping[str, str], *, active: bool) -> dict[str, str]:
        """The attributes files of a tree after the migration: folder → text.

        Args:
            old: Those that the tree has.
            active: Whether the tree or an earlier one has a file that is included.
        """
        if self.target == "theta":
            found = {}
            for folder, text in old.items():
                chosen = [pattern for place, pattern in self.chosen if place == folder]
                found[folder] = complete_lines(switch_filter(text, "lfs", "theta", chosen))
        elif self.include:
            found = dict(old)
        else:
            found = {folder: switch_filter(text, "theta", self.target) for folder, text in old.items()}
        return assign_patterns(found, self.include, self.target) if active else found


class TreeSelection:
    """The files that a migration concerns in trees with the same attributes files.

    Attributes:
        edits: Folder → id of its new attributes file's blob, or `None` to remove the file. Folders whose file
            stays aren't here.

    Args:
        goal: The files that the migration is for.
        included: Looks up which paths the user's patterns include.
        before: Looks up the filter that paths have.
        after: Looks up the filter that paths will have.
        edits: See above.
    """

    def __init__(
        self,
        goal: MigrationGoal,
        included: AttributeLookup,
        before: AttributeLookup,
        after: AttributeLookup,
        edits: Mapping[str, str | None],
    ) -> None:
        self.edits = edits
        self._goal = goal
        self._included = included
        self._before = before
        self._after = after
        self._known: dict[bytes, bool] = {}

    def concerns(self, path: bytes) -> bool:
        """Whether the file at a path is to be stored as the goal says.

        Raises:
            UsageError: The user includes it, and an attributes file would still give it to another filter.
        """
        found = self._known.get(path)
        if found is None:
            found = self._known[path] = self._concerns(path)
        return found

    def close(self) -> None:
        """End helper processes."""
        self._before.close()
        self._after.close()

    def _concerns(self, path: bytes) -> bool:
        target = self._goal.target
        included = bool(self._goal.include) and self._included.get(path) == ("set",)
        if target != "theta" and not self._goal.include:
            return self._before.get(path) == ("theta",)
        if target != "theta" and not included:
            return False
        (name,) = self._after.get(path)
        fits = name == target if target != "plain" else name not in ("theta", "lfs")
        if included and not fits:
            raise UsageError(
                f"{printable(os.fsdecode(path))} is included, but a line of a .gitattributes file would "
                f"still give it to {name!r}",
                "include it by the pattern of that line, or change the line first",
            )
        return fits


class Selection:
    """Finds the files that a migration concerns, from each tree's attributes files.

    Args:
        git: Git in the repository.
        objects: The repository's objects.
        goal: The files that the migration is for.
        folder: An empty folder for temporary files.
    """

    def __init__(self, git: Git, objects: GitObjects, goal: MigrationGoal, folder: Path) -> None:
        gitattributes.track("", goal.include)  # fails for patterns that Git doesn't know
        self.goal = goal
        self._git = git
        self._objects = objects
        self._folder = folder
        self._selections: dict[tuple[AttributeFiles, bool], TreeSelection] = {}
        self._recent: deque[TreeSelection] = deque()
        self._written: dict[str, str] = {}
        self._included = pattern_lookup(git, folder / "included", {_INCLUDED: goal.include})

    def includes(self, path: bytes) -> bool:
        """Whether the user has included a path."""
        return bool(self.goal.include) and self._included.get(path) == ("set",)

    def of_tree(self, files: AttributeFiles, *, active: bool) -> TreeSelection:
        """The selection in trees that have some attributes files; see `MigrationGoal.texts` for `active`."""
        found = self._selections.get((files, active)) or self._make(files, active=active)
        self._selections[files, active] = found
        if found not in self._recent:
            self._recent.append(found)
            if len(self._recent) > _MAX_OPEN:
                self._recent.popleft().close()
        return found

    def close(self) -> None:
        """End helper processes."""
        self._included.close()
        for selection in self._recent:
            selection.close()

    def _make(self, files: AttributeFiles, *, active: bool) -> TreeSelection:
        old = {folder: os.fsdecode(self._objects.read(oid).data) for folder, oid in files}
        new = self.goal.texts(old, active=active)
        edits = {
            folder: self._blob(text) if text else None
            for folder, text in new.items()
            if text != old.get(folder, "")
        }
        kept = {**dict(files), **edits}
        number = len(self._selections)
        before, after = self._folder / f"before-{number}", self._folder / f"after-{number}"
        write_index(self._git, before, {_path(folder): oid for folder, oid in files})
        write_index(self._git, after, {_path(folder): oid for folder, oid in kept.items() if oid})
        old_filter, new_filter = (AttributeLookup(self._git, ("filter",), index) for index in (before, after))
        return TreeSelection(self.goal, self._included, old_filter, new_filter, edits)

    def _blob(self, text: str) -> str:
        """Id of an attributes file's blob, which is put into the repository so that Git can read it."""
        if text not in self._written:
            written = self._git.run("hash-object", "-w", "--stdin", stdin=os.fsencode(text))
            self._written[text] = written.decode().strip()
        return self._written[text]


def pattern_lookup(git: Git, file: Path, patterns: Mapping[str, Sequence[str]]) -> AttributeLookup:
    """A lookup of patterns: a path has an attribute set if one of the attribute's patterns matches it.

    Args:
        git: Git in the repository.
        file: A file to write, which isn't there yet.
        patterns: Attribute → patterns, as the topmost .gitattributes has them.
    """
    text = "".join(f"{gitattributes.quote(p)} {name}\n" for name, listed in patterns.items() for p in listed)
    file.write_bytes(os.fsencode(text))
    nothing = file.with_name(f"{file.name}-index")
    return AttributeLookup(git, tuple(patterns), nothing, ("-c", f"core.attributesFile={file}"))


def _path(folder: str) -> str:
    return f"{folder}/.gitattributes" if folder else ".gitattributes"
