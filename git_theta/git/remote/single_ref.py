"""Transfers of one ref of git-theta's and nothing else, whatever the user's settings add."""

from __future__ import annotations

from git_theta.git.plumbing.command import Git

#: Settings that keep Git from cleaning up, signing, and sending options of the user's.
_SETTINGS = (
    "-c",
    "gc.auto=0",
    "-c",
    "maintenance.auto=false",
    "-c",
    "push.gpgSign=false",
    "-c",
    "push.pushOption=",
)

_FETCH = (*_SETTINGS, "fetch", "-q", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules")
_PUSH = (*_SETTINGS, "push", "-q", "--no-verify", "--no-follow-tags", "--no-recurse-submodules")


def fetch_tip(git: Git, url: str, ref: str) -> str:
    """Id of the commit that a remote's ref points to, fetched if necessary; empty without such a ref.

    Raises:
        GitError: The remote can't be reached.
    """
    found = git.line("ls-remote", url, ref).partition("\t")[0]
    if found and not git.ok("cat-file", "-e", f"{found}^{{tree}}"):
        git.run(*_FETCH, url, ref)
    return found


def push_commit(git: Git, url: str, commit: str, ref: str) -> None:
    """Push a commit to a remote's ref.

    Raises:
        GitError: The remote can't be reached, or its ref isn't at an ancestor of the commit.
    """
    git.run(*_PUSH, url, f"{commit}:{ref}")
