"""The parents of a merge commit: HEAD and the branches that none of the others contains."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from git_theta.errors import GitError, UsageError
from git_theta.git.plumbing.command import Git

#: Prefix of a ref → what a message calls it.
_KINDS = {
    "refs/heads/": "branch",
    "refs/remotes/": "remote-tracking branch",
    "refs/tags/": "tag",
}


@dataclass(frozen=True, slots=True)
class Parents:
    """The commits to merge.

    Attributes:
        head: Commit of HEAD.
        branches: Branch as the user named it → commit; no commit is an ancestor of HEAD or of another branch.
        diverged: Whether HEAD has commits that no branch has. Without, HEAD is neither merged nor a parent.
    """

    head: str
    branches: Mapping[str, str]
    diverged: bool

    @property
    def sides(self) -> list[str]:
        """The commits to merge, HEAD first if it's one of them."""
        return [self.head, *self.branches.values()] if self.diverged else [*self.branches.values()]


def independent_parents(git: Git, branches: Sequence[str]) -> Parents:
    """HEAD and branches, without those that are ancestors of another one.

    Raises:
        UsageError: A branch isn't a commit.
        GitError: HEAD has no commit to merge into.
    """
    if not git.ok("rev-parse", "-q", "--verify", "HEAD^{commit}"):
        raise GitError("there's no commit to merge into", "check a branch out, or make a first commit")
    head = git.line("rev-parse", "HEAD^{commit}")
    commits: dict[str, str] = {}
    for branch in branches:
        if branch.startswith("-") or not git.ok("rev-parse", "-q", "--verify", f"{branch}^{{commit}}"):
            raise UsageError(f"{branch!r} isn't a branch or a commit", "`git branch --all` lists branches")
        commit = git.line("rev-parse", f"{branch}^{{commit}}")
        if commit not in (head, *commits.values()):
            commits[branch] = commit
    kept = set(git.line("merge-base", "--independent", head, *commits.values()).split("\n"))
    return Parents(head, {name: commit for name, commit in commits.items() if commit in kept}, head in kept)


def merge_base(git: Git, sides: Sequence[str]) -> str | None:
    """The best common ancestor of all commits; `None` if they have no commit in common."""
    words = ("merge-base", "--octopus", *sides)
    return git.line(*words).partition("\n")[0] if git.ok(*words) else None


def merge_message(git: Git, parents: Parents) -> str:
    """The message that Git writes for such a merge: `Merge branches 'a' and 'b' into c`."""
    lines = (f"{commit}\t\t{_described(git, name)} of .\n" for name, commit in parents.branches.items())
    return os.fsdecode(git.run("fmt-merge-msg", stdin=os.fsencode("".join(lines))))


def _described(git: Git, name: str) -> str:
    ref = git.line("rev-parse", "--symbolic-full-name", name)
    for prefix, kind in _KINDS.items():
        if ref.startswith(prefix):
            return f"{kind} '{ref.removeprefix(prefix)}'"
    return f"'{name}'"
