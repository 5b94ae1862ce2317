"""The commits that a migration looks at, and the files of their trees."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from git_theta.git.migrate.git_objects import TREE, GitObjects, TreeEntry
from git_theta.git.plumbing.command import Git

#: The attributes files of a tree: (folder, empty for the top; id of the blob).
AttributeFiles = tuple[tuple[str, str], ...]

ATTRIBUTES_FILE = b".gitattributes"


@dataclass(frozen=True, slots=True)
class CommitNode:
    """A commit: its id, its tree's and its parents'."""

    oid: str
    tree: str
    parents: tuple[str, ...]


class CommitHistory:
    """Commits, parents first.

    Args:
        objects: The repository's objects.
        commits: The commits.
    """

    def __init__(self, objects: GitObjects, commits: Sequence[CommitNode]) -> None:
        self.objects = objects
        self.commits = commits
        self.trees = {commit.oid: commit.tree for commit in commits}
        self._attribute_files: dict[str, AttributeFiles] = {}

    def attribute_files(self, tree: str) -> AttributeFiles:
        """The attributes files of a tree and the trees below, in the order of their folders."""
        found = self._attribute_files.get(tree)
        if found is None:
            listed = []
            for entry in self.objects.tree(tree):
                if entry.name == ATTRIBUTES_FILE and entry.is_file:
                    listed.append(("", entry.oid))
                elif entry.mode == TREE:
                    name = os.fsdecode(entry.name)
                    listed += [
                        (f"{name}/{folder}" if folder else name, oid)
                        for folder, oid in self.attribute_files(entry.oid)
                    ]
            found = self._attribute_files[tree] = tuple(sorted(listed))
        return found

    def all_files(self) -> Iterator[tuple[bytes, TreeEntry]]:
        """Path and entry of every file of every commit; a folder that stays the same is listed once."""
        seen: set[tuple[str, bytes]] = set()
        for commit in self.commits:
            yield from self._files(commit.tree, b"", seen)

    def _files(
        self, tree: str, prefix: bytes, seen: set[tuple[str, bytes]]
    ) -> Iterator[tuple[bytes, TreeEntry]]:
        if (tree, prefix) in seen:
            return
        seen.add((tree, prefix))
        for entry in self.objects.tree(tree):
            if entry.mode == TREE:
                yield from self._files(entry.oid, prefix + entry.name + b"/", seen)
            elif entry.is_file:
                yield prefix + entry.name, entry


def read_history(git: Git, objects: GitObjects, tips: Sequence[str], *, ancestors: bool) -> CommitHistory:
    """Read the commits that are reachable from some objects, or only the commits that these are."""
    depth = [] if ancestors else ["--no-walk"]
    asked = "".join(f"{tip}\n" for tip in tips).encode()
    listing = (
        git.run("rev-list", "--topo-order", "--reverse", *depth, "--stdin", stdin=asked).decode().split()
    )
    commits = []
    for oid in listing:
        headers = objects.read(oid).data.partition(b"\n\n")[0].split(b"\n")
        parents = tuple(line[7:].decode() for line in headers if line.startswith(b"parent "))
        commits.append(
            CommitNode(oid, headers[0].removeprefix(b"tree ").decode(), parents if ancestors else ())
        )
    return CommitHistory(objects, commits)
