"""The last author of a file: the person to ask for objects that were never pushed."""

from __future__ import annotations

from contextlib import suppress

from git_theta.errors import GitError
from git_theta.git.plumbing.command import Git


def last_author(git: Git, path: str, rev: str = "HEAD") -> str:
    """The last author of a file, as `Ann <ann@example.com>, commit 1a2b3c4`; empty if unknown.

    Args:
        git: Git at the top of the work tree.
        path: The file, from the top.
        rev: The last commit to look at.
    """
    with suppress(GitError):
        form = "--format=%aN <%aE>, commit %h"
        return git.line("log", "-1", "--no-show-signature", form, rev, "--", f":(literal){path}")
    return ""
