"""The branch that a cascade works on: where HEAD is, and the commits that the cascade makes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from git_theta.cascade.state import NONE, CascadeState
from git_theta.errors import GitError, ThetaError, join_hints
from git_theta.git.install.set_up import check_set_up
from git_theta.git.plumbing.command import Git
from git_theta.git.plumbing.pathspec import literal
from git_theta.git.plumbing.unmerged import unmerged_paths
from git_theta.git.repository.repository import Repository

#: Files of Git's folder that tell of an operation that isn't finished.
_OPERATIONS = (
    *("MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD"),
    *("rebase-merge", "rebase-apply", "sequencer", "SQUASH_MSG"),
)


class HeadMovedError(ThetaError):
    """HEAD isn't where a cascade left it."""


def current_branch(git: Git) -> str:
    """The branch of HEAD, as `refs/heads/…`; empty if HEAD is detached."""
    try:
        return git.line("symbolic-ref", "-q", "HEAD")
    except GitError:
        return ""


def current_commit(git: Git) -> str:
    """The id of the commit of HEAD.

    Raises:
        ThetaError: There's no commit yet.
    """
    try:
        return git.line("rev-parse", "--verify", "-q", "HEAD^{commit}")
    except GitError as error:
        raise ThetaError("there's no commit yet", "commit the models first: git commit") from error


def check_ready(repository: Repository, commit: str) -> None:
    """Check that a cascade can begin.

    Args:
        repository: The repository, with Git at the top.
        commit: When the cascade makes commits.

    Raises:
        UsageError: Git isn't set up for git-theta.
        ThetaError: An operation of Git isn't finished; or commits are to be made, and the index has other
            changes, or nobody is named who makes them.
    """
    git = repository.git
    check_set_up(git)
    current_commit(git)
    for name in _OPERATIONS:
        if (repository.git_dir / name).exists():
            raise ThetaError(f"an operation of Git isn't finished: {name}", "git status says how to end it")
    if unmerged_paths(git):
        raise ThetaError("there are files in conflict", "git status lists them")
    if commit == NONE:
        return
    staged = sorted(staged_paths(git))
    if staged:
        raise ThetaError(
            f"the index has changes that aren't committed, such as {staged[0]}",
            "git commit first; or --commit none, which leaves all to be committed by you",
        )
    if not git.ok("var", "GIT_COMMITTER_IDENT") or not git.ok("var", "GIT_AUTHOR_IDENT"):
        raise ThetaError(
            "Git doesn't know who makes the commits",
            "git config user.name NAME; git config user.email ADDRESS",
        )


def check_head(git: Git, state: CascadeState) -> None:
    """Check that HEAD is where the cascade left it.

    Raises:
        HeadMovedError: It isn't.
    """
    branch, head = current_branch(git), current_commit(git)
    if (branch, head) != (state.branch, state.head):
        place = state.branch.removeprefix("refs/heads/") or state.head[:12]
        raise HeadMovedError(
            f"HEAD moved while the cascade was at work: from {state.head[:12]} of {place} to {head[:12]}",
            "git theta cascade --continue, on that branch, or --abort",
        )


def adopted_head(git: Git, state: CascadeState) -> str:
    """The commit from which a cascade can go on: that of HEAD, on the cascade's branch, after its commits.

    Raises:
        HeadMovedError: It isn't.
    """
    branch, head = current_branch(git), current_commit(git)
    if branch != state.branch or not git.ok("merge-base", "--is-ancestor", state.head, head):
        place = state.branch.removeprefix("refs/heads/") or "detached HEAD"
        raise HeadMovedError(
            f"the cascade was begun on {place}, at {state.head[:12]}, and HEAD is elsewhere",
            f"go back there: git switch {place}"
            if state.branch
            else f"git switch --detach {state.head[:12]}",
        )
    return head


def is_own_commit(git: Git, state: CascadeState, paths: Sequence[str]) -> bool:
    """Whether HEAD is the commit that a killed cascade was making: on its last one, with its files alone."""
    head = current_commit(git)
    if not state.is_committing or git.line("rev-parse", f"{head}^@").split() != [state.head]:
        return False
    names = git.records("diff-tree", "-r", "--no-commit-id", "--name-only", "-z", state.head, head)
    return {os.fsdecode(name) for name in names} <= set(paths)


def index_tree(git: Git) -> str:
    """The id of a tree of all files in the index.

    Raises:
        GitError: There are files in conflict.
    """
    return git.line("write-tree")


def staged_paths(git: Git) -> set[str]:
    """Paths of files whose entries in the index differ from HEAD."""
    names = git.records("diff-index", "--cached", "--name-only", "-z", "HEAD", "--")
    return {os.fsdecode(name) for name in names}


def commit_paths(git: Git, paths: Iterable[str], message: str) -> str:
    """Commit the staged changes of some files, and nothing else; the commit's id.

    Args:
        git: Git at the top of the work tree.
        paths: Paths of files from the top, which have changes.
        message: The message.

    Raises:
        GitError: A hook refuses the commit, for example.
    """
    specs = b"".join(os.fsencode(spec) + b"\0" for spec in literal(paths))
    words = ("commit", "-q", "--only", "--cleanup=verbatim", "-m", message)
    try:
        git.run(*words, "--pathspec-from-file=-", "--pathspec-file-nul", stdin=specs)
    except GitError as error:
        hint = "the models are staged: git theta cascade --continue commits them; --abort undoes them"
        raise GitError(error.message, join_hints(error.hint, hint), error.details) from error
    return current_commit(git)
