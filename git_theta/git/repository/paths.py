"""Paths of users, relative to the current folder, as paths from the top of the work tree."""

from __future__ import annotations

import os
from pathlib import Path

from git_theta.errors import UsageError
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.repository import Repository


def work_tree_path(git: Git, path: str) -> str:
    """The path from the top of the work tree; a link at its end isn't followed.

    Raises:
        UsageError: The path is outside of the work tree.
    """
    folder, name = os.path.split(os.path.abspath(path))
    found = os.path.relpath(
        os.path.join(os.path.realpath(folder), name), os.path.realpath(Repository(git).root)
    )
    if found == ".." or found.startswith("../"):
        raise UsageError(f"{path} is outside this repository's work tree")
    return found


def top_folder(git: Git, root: Path) -> str:
    """The current folder from the top; empty for the top."""
    found = os.path.relpath(git.folder, root)
    return "" if found == "." else found
