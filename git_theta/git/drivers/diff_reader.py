"""Whether a file that Git smudges to show a difference is read by our diff driver alone."""

from __future__ import annotations

import os
from functools import cached_property

from git_theta.errors import GitError
from git_theta.git.plumbing.check_attr import attribute_values
from git_theta.git.plumbing.command import Git
from git_theta.git.plumbing.pipe_source import makes_diff_copy
from git_theta.settings import DIFF_DRIVER


class DiffReader:
    """The program that reads files which Git smudges for a difference.

    Args:
        git: Git at the top of the work tree.
        pipe: The pipe from the git process that asks for files.
    """

    def __init__(self, git: Git, pipe: int = 0) -> None:
        self._git = git
        self._pipe = pipe

    def is_our_driver(self, path: str) -> bool:
        """Whether the file at a path is given to our diff driver and nothing else."""
        return self._driver_is_used and makes_diff_copy(path, self._pipe) and self._has_our_attribute(path)

    @cached_property
    def _driver_is_used(self) -> bool:
        """Whether differences are shown by our driver where the attributes say `diff=theta`."""
        settings = self._git.settings
        return (
            "diff-driver" in settings.get(DIFF_DRIVER, "")
            # With a textconv, Git's own diff compares texts that another program makes of whole files.
            and "diff.theta.textconv" not in settings
            # `git difftool` shows whole files.
            and "GIT_EXTERNAL_DIFF" not in os.environ
        )

    def _has_our_attribute(self, path: str) -> bool:
        try:
            return attribute_values(self._git, "diff", [path]).get(path) == "theta"
        except GitError:
            return False
