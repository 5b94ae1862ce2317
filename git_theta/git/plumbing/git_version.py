"""The version of Git, and the first versions that can do what git-theta asks of them."""

from __future__ import annotations

import re

from git_theta.errors import GitError
from git_theta.git.plumbing.command import Git

#: The oldest Git that git-theta is tested with.
OLDEST = (2, 31)

#: The first Git whose `merge-tree` does real merges.
MERGE_TREE = (2, 38)

#: The first Git that runs hooks from its settings (`hook.NAME.command`).
CONFIGURED_HOOKS = (2, 54)


def version_text(git: Git) -> str:
    """The version as Git says it, such as `2.39.5` or `2.50.1 (Apple Git-155)`."""
    return git.line("--version").removeprefix("git version ")


def has_version(git: Git, needed: tuple[int, int]) -> bool:
    """Whether Git's version is this one or a later one. A version that can't be read counts as later."""
    found = re.match(r"(\d+)\.(\d+)", version_text(git))
    return found is None or (int(found[1]), int(found[2])) >= needed


def check_version(git: Git, needed: tuple[int, int], subject: str, hint: str) -> None:
    """Check that Git's version is this one or a later one.

    Args:
        git: Git in any folder.
        needed: The version.
        subject: The beginning of the message, up to the verb: for example "git-theta needs".
        hint: The way out.

    Raises:
        GitError: Git is older.
    """
    if not has_version(git, needed):
        raise GitError(f"{subject} git {dotted(needed)} or newer; this is git {version_text(git)}", hint)


def check_oldest_version(git: Git) -> None:
    """Check that git-theta works with this Git.

    Raises:
        GitError: Git is too old.
    """
    check_version(git, OLDEST, "git-theta needs", "install a newer Git, and put it first on PATH")


def dotted(version: tuple[int, int]) -> str:
    """A version as users write it: `2.31`."""
    return ".".join(map(str, version))
