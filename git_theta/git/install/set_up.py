"""Whether Git's settings have git-theta's filter."""

from __future__ import annotations

from git_theta.errors import UsageError
from git_theta.git.plumbing.command import Git


def is_set_up(git: Git) -> bool:
    """Whether Git runs git-theta's filter."""
    return bool(git.config("filter.theta.process"))


def check_set_up(git: Git) -> None:
    """Check that Git runs git-theta's filter.

    Raises:
        UsageError: Git's settings don't have it.
    """
    if not is_set_up(git):
        raise UsageError("Git isn't set up for git-theta: it would store whole files", "git theta install")
