"""Partial clones: repositories that get objects from a remote when these are asked for."""

from __future__ import annotations

from git_theta.git.plumbing.command import Git


def is_partial_clone(git: Git) -> bool:
    """Whether Git may download an object that it's asked for."""
    return any(
        key == "extensions.partialclone" or (key.startswith("remote.") and key.endswith(".promisor"))
        for key in git.settings
    )
