"""Files of the work tree that aren't as in the index."""

from __future__ import annotations

import os
from collections.abc import Sequence

from git_theta.git.plumbing.command import Git
from git_theta.git.plumbing.pathspec import literal


def dirty_paths(git: Git, paths: Sequence[str]) -> list[str]:
    """The paths, from the top, whose files aren't as in the index, or that the index doesn't have.

    Args:
        git: Git at the top of the work tree.
        paths: Paths of files from the top.
    """
    if not paths:
        return []
    # Files that were only touched are no different.
    git.ok("update-index", "-q", "--refresh")
    specs = literal(paths)
    listed = {os.fsdecode(name) for name in git.records("ls-files", "-z", "--", *specs)}
    changed = git.records("diff-files", "-z", "--name-only", "--", *specs)
    different = {os.fsdecode(name) for name in changed}
    return [path for path in paths if path not in listed or path in different]
