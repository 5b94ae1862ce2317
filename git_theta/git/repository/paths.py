"""Paths as users give them, and as Git has them."""

from __future__ import annotations

import os

from git_theta.errors import UsageError
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.repository import Repository


def path_from_top(git: Git, path: str) -> str:
    """A path from the top of the work tree, without following a link at its end.

    Raises:
        UsageError: It's outside.
    """
    folder, name = os.path.split(os.path.abspath(path))
    found = os.path.relpath(
        os.path.join(os.path.realpath(folder), name), os.path.realpath(Repository(git).root)
    )
    if found.startswith(".."):
        raise UsageError(f"{path} is outside this repository's work tree")
    return found
