"""Unmerged files: those that have stages of a conflict in the index."""

from __future__ import annotations

import os

from git_theta.git.plumbing.command import Git


def unmerged_paths(git: Git) -> frozenset[str]:
    """Paths of the files that are in conflict, from the top of the work tree.

    Raises:
        GitError: The index can't be read.
    """
    listing = git.run("ls-files", "--unmerged", "-z", "--full-name", "--", ":/")
    return frozenset(os.fsdecode(record.partition(b"\t")[2]) for record in listing.split(b"\0") if record)
