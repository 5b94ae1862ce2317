"""Revisions, ranges and paths as users write them."""

from __future__ import annotations

import os
from dataclasses import dataclass

from git_theta.errors import GitError, UsageError
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.repository import Repository


@dataclass(frozen=True, slots=True)
class RevisionRange:
    """The commits of a range such as `v1.0..main`.

    Attributes:
        tips: Ids of the commits from which the range goes back.
        commits: Ids of the commits in it; `None` for all that are reachable from the tips.
    """

    tips: tuple[str, ...]
    commits: frozenset[str] | None

    def __contains__(self, oid: str) -> bool:
        return self.commits is None or oid in self.commits


def path_from_top(git: Git, path: str) -> str:
    """A path from the top of the work tree, for one from the current folder.

    Raises:
        UsageError: The path is outside of the repository.
    """
    inside = git.line("rev-parse", "--is-inside-work-tree") == "true"
    prefix = git.line("rev-parse", "--show-prefix") if inside else ""
    found = os.path.normpath(os.path.join(prefix, path))
    if not path or found.startswith(("../", "/")) or found in (".", ".."):
        raise UsageError(f"{path!r} isn't a path of a file in this repository", "give one inside of it")
    return found


def resolve_commit(git: Git, rev: str) -> str:
    """The id of the commit that a revision names.

    Raises:
        UsageError: There's no such commit.
    """
    if not rev.startswith("-"):
        try:
            return git.line("rev-parse", "-q", "--verify", f"{rev}^{{commit}}")
        except GitError:
            pass
    raise _no_revision(git, rev)


def resolve_range(git: Git, revs: str) -> RevisionRange:
    """The commits of a revision or a range.

    Raises:
        UsageError: There's no such revision.
    """
    try:
        listed = [] if revs.startswith("-") else git.line("rev-parse", "--revs-only", revs).split()
    except GitError:
        listed = []
    tips = tuple(resolve_commit(git, oid) for oid in listed if not oid.startswith("^"))
    if not tips:
        raise _no_revision(git, revs)
    if len(tips) == len(listed):
        return RevisionRange(tips, None)
    return RevisionRange(tips, frozenset(git.line("rev-list", *listed, "--").split()))


def shallow_boundary(repository: Repository) -> frozenset[str]:
    """Ids of the commits at which a shallow clone's history ends; empty for a whole clone."""
    try:
        return frozenset((repository.common_dir / "shallow").read_text().split())
    except OSError:
        return frozenset()


def _no_revision(git: Git, rev: str) -> UsageError:
    if rev == "HEAD" and not git.ok("rev-parse", "-q", "--verify", "HEAD"):
        return UsageError("there are no commits here yet", "commit something first")
    return UsageError(f"{rev!r} isn't a revision", "`git log --oneline --all` lists commits")
