"""The commands that a rebase has yet to run, by its list of what's to do."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

_EXEC = (b"exec", b"x")


def rebase_runs_commands(git_dir: Path) -> bool:
    """Whether a rebase is under way that will run a user's command, as by `git rebase --exec`.

    Args:
        git_dir: Git's folder of the work tree.
    """
    with suppress(OSError):
        lines = (git_dir / "rebase-merge" / "git-rebase-todo").read_bytes().splitlines()
        return any(line.split(None, 1)[:1] in ([word] for word in _EXEC) for line in lines)
    return False
