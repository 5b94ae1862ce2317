"""Changes of the index, whose lock another program may have."""

from __future__ import annotations

import time
from collections.abc import Iterable

from git_theta.errors import GitError
from git_theta.git.plumbing.command import Git
from git_theta.git.plumbing.pathspec import literal

#: Seconds that a command waits for the lock of the index, and between two attempts.
_PATIENCE = 30.0
_PAUSE = 0.1


def change_index(git: Git, *args: str, stdin: bytes | None = None) -> None:
    """Run a command of Git that changes the index; while another program has its lock, it's tried again.

    Raises:
        GitError: The command failed, or the lock stays.
    """
    end = time.monotonic() + _PATIENCE
    while True:
        try:
            git.run(*args, stdin=stdin)
            return
        except GitError as error:
            if "index.lock" not in error.message or time.monotonic() > end:
                raise
        time.sleep(_PAUSE)


def add_files(git: Git, paths: Iterable[str]) -> None:
    """Add files to the index, by their paths from the top; see `change_index` for errors."""
    change_index(git, "add", "--", *literal(paths))
