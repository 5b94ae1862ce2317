"""Who changed a file last: whom to ask for objects that nobody sent."""

from __future__ import annotations

from contextlib import suppress

from git_theta.errors import GitError
from git_theta.git.plumbing.command import Git


def last_author(git: Git, path: str, rev: str = "HEAD") -> str:
    """Who changed a file last, as `Ann <ann@example.com>, commit 1a2b3c4`; empty if that can't be said.

    Args:
        git: Git at the top of the work tree.
        path: The file, from there.
        rev: The commit from which on to look back.
    """
    with suppress(GitError):
        form = "--format=%aN <%aE>, commit %h"
        return git.line("log", "-1", "--no-show-signature", form, rev, "--", f":(literal){path}")
    return ""
