"""The branches and tags that a migration rewrites, and where their old commits are kept."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence

from git_theta.errors import GitError, UsageError
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.repository import Repository
from git_theta.report.text import printable

#: Where old tips are kept, as `git filter-branch` does it.
ORIGINAL = "refs/original/"

#: Commands that Git can be in the middle of, by the file or folder that it keeps meanwhile.
_BUSY = {
    "MERGE_HEAD": "merge",
    "CHERRY_PICK_HEAD": "cherry-pick",
    "REVERT_HEAD": "revert",
    "rebase-merge": "rebase",
    "rebase-apply": "rebase",
    "BISECT_LOG": "bisect",
}


def chosen_refs(git: Git, names: Sequence[str], *, everything: bool) -> dict[str, str]:
    """The refs that are to be rewritten, with the objects that they point to.

    Args:
        git: Git in the repository.
        names: Branches and tags as the user writes them; without any, the current branch.
        everything: Whether all branches and tags are rewritten instead.

    Raises:
        UsageError: A name isn't a branch's or a tag's.
    """
    found = {
        ref: oid for ref, (oid, is_alias) in _all(git, "refs/heads", "refs/tags").items() if not is_alias
    }
    if everything:
        return found
    chosen = {}
    for name in names or ("HEAD",):
        full = git.line("rev-parse", "-q", "--symbolic-full-name", name) if _exists(git, name) else ""
        if full not in found:
            if name == "HEAD":
                raise UsageError(
                    "HEAD is detached, so there's no branch to rewrite", "name one, or check it out"
                )
            raise UsageError(
                f"{printable(name)!r} isn't a local branch or a tag", "`git branch` and `git tag` list them"
            )
        chosen[full] = found[full]
    return chosen


def current_branch(git: Git) -> str:
    """The branch that is checked out; `HEAD` if there's none."""
    on_branch = git.ok("symbolic-ref", "-q", "HEAD")
    return git.line("symbolic-ref", "HEAD") if on_branch else "HEAD"


def refuse_unsafe(repository: Repository, refs: Collection[str]) -> None:
    """Fail where refs can't be rewritten without harm.

    Raises:
        UsageError: The user can change that.
    """
    git = repository.git
    if git.line("rev-parse", "--is-shallow-repository") == "true":
        raise UsageError("this clone is shallow: its history isn't here", "git fetch --unshallow")
    for record in git.run("worktree", "list", "--porcelain").decode(errors="surrogateescape").split("\n\n"):
        fields = dict(line.partition(" ")[::2] for line in record.splitlines())
        elsewhere = os.path.realpath(fields.get("worktree", "")) != os.path.realpath(repository.root)
        if elsewhere and fields.get("branch") in refs:
            raise UsageError(
                f"{fields['branch']} is checked out in {fields['worktree']}",
                "check out something else there, or `git worktree remove` it",
            )


def refuse_kept(git: Git, refs: Mapping[str, str]) -> None:
    """Fail if old tips are kept already that would be lost.

    Raises:
        UsageError: There are some.
    """
    for ref, (oid, _) in _all(git, ORIGINAL.rstrip("/")).items():
        if refs.get(ref.removeprefix(ORIGINAL), oid) != oid:
            raise UsageError(
                f"{ref} has what an earlier rewrite replaced",
                "if nothing there is needed any more: "
                "git for-each-ref --format='delete %(refname)' refs/original | git update-ref --stdin",
            )


def refuse_busy(repository: Repository) -> None:
    """Fail if Git is in the middle of something.

    Raises:
        UsageError: It is.
    """
    for name, command in _BUSY.items():
        if (repository.git_dir / name).exists():
            raise UsageError(f"a {command} is going on here", f"finish it, or: git {command} --abort")


def move_refs(git: Git, changes: Mapping[str, tuple[str, str]], reason: str) -> None:
    """Move all refs or none, and keep their old ids below `ORIGINAL`.

    Args:
        git: Git in the repository.
        changes: Ref → old and new id.
        reason: The entry of reflogs.

    Raises:
        GitError: A ref was moved meanwhile, for example.
    """
    lines = ["start"]
    for ref, (old, new) in changes.items():
        lines += [f"update {ORIGINAL}{ref} {old}", f"update {ref} {new} {old}"]
    commands = "\n".join([*lines, "prepare", "commit", ""])
    try:
        git.run("update-ref", "-m", reason, "--stdin", stdin=os.fsencode(commands))
    except GitError as error:
        raise GitError(f"refs can't be moved, and nothing has changed: {error.message}") from error


def left_behind(git: Git, changed: Mapping[str, str], moved: Collection[str]) -> list[str]:
    """Branches and tags that still point to old commits, and HEAD if it's detached.

    Args:
        git: Git in the repository.
        changed: Old commit → new one.
        moved: Refs that were moved.
    """
    listing = git.run(
        "for-each-ref", "--format=%(refname) %(objectname) %(*objectname)", "refs/heads", "refs/tags"
    )
    rows = [os.fsdecode(line).split(" ") for line in listing.splitlines()]
    if current_branch(git) == "HEAD":
        rows.append(["HEAD", git.line("rev-parse", "HEAD")])
    return [row[0] for row in rows if row[0] not in moved and any(oid in changed for oid in row[1:])]


def _all(git: Git, *prefixes: str) -> dict[str, tuple[str, bool]]:
    """Ref → the object that it points to, and whether it's only another name of a ref."""
    listing = git.run("for-each-ref", "--format=%(refname) %(objectname) %(symref)", *prefixes)
    rows = [os.fsdecode(line).split(" ") for line in listing.splitlines()]
    return {ref: (oid, bool(symref)) for ref, oid, symref in rows}


def _exists(git: Git, name: str) -> bool:
    return not name.startswith("-") and git.ok("rev-parse", "-q", "--verify", name)
