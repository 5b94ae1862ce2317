"""Whether the files that Git makes to show a difference are read by our diff driver alone."""

from __future__ import annotations

import os
from functools import cached_property

from git_theta.errors import GitError
from git_theta.git.plumbing.command import Git
from git_theta.git.plumbing.parent_command import only_shows
from git_theta.settings import DIFF_DRIVER


class DiffDriver:
    """What the filter can know of the diff that it smudges for.

    Args:
        git: Git at the top of the work tree.
    """

    def __init__(self, git: Git) -> None:
        self._git = git

    def reads(self, path: str) -> bool:
        """Whether a file that's smudged for a difference is given to our driver and nothing else."""
        return self._certain and self._is_ours(path)

    @cached_property
    def _certain(self) -> bool:
        """Whether git shows differences, and theta's way of that is our driver's."""
        settings = self._git.settings
        return (
            "diff-driver" in settings.get(DIFF_DRIVER, "")
            # A text of the file for Git's own diff, which someone else makes.
            and "diff.theta.textconv" not in settings
            # `git difftool` shows whole files.
            and "GIT_EXTERNAL_DIFF" not in os.environ
            and only_shows()
        )

    def _is_ours(self, path: str) -> bool:
        try:
            answer = self._git.run("check-attr", "-z", "diff", "--", path)
        except GitError:
            return False
        return answer.endswith(b"\0theta\0")
