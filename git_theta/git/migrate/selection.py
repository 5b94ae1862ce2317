"""Which files a migration concerns, and how the attributes files change with them."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from git_theta.errors import UsageError
from git_theta.git.migrate import attributes
from git_theta.git.migrate.attribute_index import write_index
from git_theta.git.migrate.attributes import Target
from git_theta.git.migrate.commit_history import AttributeFiles
from git_theta.git.migrate.git_objects import Objects
from git_theta.git.plumbing.check_attr import AttributeLookup
from git_theta.git.plumbing.command import Git
from git_theta.git.repository import gitattributes as lines
from git_theta.report.text import printable

#: So many helper processes run at once.
_OPEN = 8

_INCLUDED = "git-theta-included"


@dataclass(frozen=True, slots=True)
class Goal:
    """What a migration is to do.

    Attributes:
        target: How files are to be stored.
        include: Patterns of files, as the topmost .gitattributes has them; if there are none, what
            `chosen` says, or on the way out what git-theta has.
        chosen: Patterns of git-lfs that git-theta gets: (folder, pattern).
    """

    target: Target
    include: tuple[str, ...] = ()
    chosen: Collection[tuple[str, str]] = ()

    def texts(self, old: Mapping[str, str], *, active: bool) -> dict[str, str]:
        """The attributes files of a tree as they should be.

        Args:
            old: Those that it has.
            active: Whether the tree, or one before it, has a file that is included.
        """
        if self.target == "theta":
            found = {}
            for folder, text in old.items():
                chosen = [pattern for place, pattern in self.chosen if place == folder]
                found[folder] = attributes.complete(attributes.switch(text, "lfs", "theta", chosen))
        elif self.include:
            found = dict(old)
        else:
            found = {folder: attributes.switch(text, "theta", self.target) for folder, text in old.items()}
        return attributes.include(found, self.include, self.target) if active else found


class State:
    """One set of attributes files, and what they become.

    Attributes:
        edits: Folder → id of the new file's blob, or `None` for none; only what changes.
    """

    def __init__(
        self,
        goal: Goal,
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
    """Finds the state that goes with a tree's attributes files.

    Args:
        git: Git in the repository.
        objects: Where blobs are read from.
        goal: What is to be done.
        folder: An empty folder for temporary files.
    """

    def __init__(self, git: Git, objects: Objects, goal: Goal, folder: Path) -> None:
        lines.track("", goal.include)  # says which patterns Git doesn't know
        self.goal = goal
        self._git = git
        self._objects = objects
        self._folder = folder
        self._states: dict[tuple[AttributeFiles, bool], State] = {}
        self._recent: deque[State] = deque()
        self._written: dict[str, str] = {}
        self._included = pattern_lookup(git, folder / "included", {_INCLUDED: goal.include})

    def includes(self, path: bytes) -> bool:
        """Whether the user has included a path."""
        return bool(self.goal.include) and self._included.get(path) == ("set",)

    def state(self, files: AttributeFiles, *, active: bool) -> State:
        """The state of a tree; see `Goal.texts`."""
        found = self._states.get((files, active)) or self._make(files, active=active)
        self._states[files, active] = found
        if found not in self._recent:
            self._recent.append(found)
            if len(self._recent) > _OPEN:
                self._recent.popleft().close()
        return found

    def close(self) -> None:
        """End helper processes."""
        self._included.close()
        for state in self._recent:
            state.close()

    def _make(self, files: AttributeFiles, *, active: bool) -> State:
        old = {folder: os.fsdecode(self._objects.read(oid).data) for folder, oid in files}
        new = self.goal.texts(old, active=active)
        edits = {
            folder: self._blob(text) if text else None
            for folder, text in new.items()
            if text != old.get(folder, "")
        }
        kept = {**dict(files), **edits}
        number = len(self._states)
        before, after = self._folder / f"before-{number}", self._folder / f"after-{number}"
        write_index(self._git, before, {_path(folder): oid for folder, oid in files})
        write_index(self._git, after, {_path(folder): oid for folder, oid in kept.items() if oid})
        old_filter, new_filter = (AttributeLookup(self._git, ("filter",), index) for index in (before, after))
        return State(self.goal, self._included, old_filter, new_filter, edits)

    def _blob(self, text: str) -> str:
        """An attributes file as a blob in the repository, so that Git can be asked what it means."""
        if text not in self._written:
            written = self._git.run("hash-object", "-w", "--stdin", stdin=os.fsencode(text))
            self._written[text] = written.decode().strip()
        return self._written[text]


def pattern_lookup(git: Git, file: Path, patterns: Mapping[str, Sequence[str]]) -> AttributeLookup:
    """Asks which patterns a path matches: an attribute's value is `set` where one of its patterns does.

    Args:
        git: Git in the repository.
        file: A file to write; there's nothing yet.
        patterns: Attribute → patterns of the top.
    """
    text = "".join(f"{lines.quote(p)} {name}\n" for name, listed in patterns.items() for p in listed)
    file.write_bytes(os.fsencode(text))
    nothing = file.with_name(f"{file.name}-index")
    return AttributeLookup(git, tuple(patterns), nothing, ("-c", f"core.attributesFile={file}"))


def _path(folder: str) -> str:
    return f"{folder}/.gitattributes" if folder else ".gitattributes"
