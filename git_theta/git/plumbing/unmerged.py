"""Unmerged files: those that have stages of a conflict in the index."""

from __future__ import annotations

import os

from git_theta.git.plumbing.command import Git


def unmerged_paths(git: Git) -> frozenset[str]:
    """Paths of the files that are in conflict, from the top of the work tree.

    Raises:
        GitError: The index can't be read.
    """
    return frozenset(unmerged_stages(git))


def unmerged_stages(git: Git) -> dict[str, frozenset[int]]:
    """The stages of each file in conflict, by path: 1 for the base, 2 for ours, 3 for theirs.

    Raises:
        GitError: The index can't be read.
    """
    found: dict[str, frozenset[int]] = {}
    listing = git.run("ls-files", "--unmerged", "-z", "--full-name", "--", ":/")
    for record in filter(None, listing.split(b"\0")):
        fields, _, name = record.partition(b"\t")
        path = os.fsdecode(name)
        found[path] = found.get(path, frozenset()) | {int(fields.rpartition(b" ")[2])}
    return found
