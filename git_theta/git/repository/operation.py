"""The operation in which Git merges versions of a file: it combines lines of work, or it applies a change.

Git tells a merge driver nothing about that. The command above the driver does; where the process table
doesn't show it, the environment and the files of an operation in progress do.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from git_theta.errors import GitError
from git_theta.git.plumbing.parent_command import nearest_command
from git_theta.git.repository.repository import Repository
from git_theta.merging.purpose import Operation, Purpose

#: Commands that apply a change. `git rebase` also makes merges again, and `git merge-tree` does both.
_PICKS: Final = frozenset(
    (
        *("am", "apply", "checkout", "cherry-pick", "history", "rebase", "replay", "restore", "revert"),
        *("stash", "switch"),
    )
)

#: Commands that combine lines of work, or show merges again.
_MERGES: Final = frozenset(
    ("diff", "format-patch", "log", "merge", "merge-recursive", "merge-subtree", "pull", "range-diff", "show")
)

#: Commands that make a conflict of another operation anew: `git checkout -m -- FILE`.
_RESTORES: Final = frozenset(("checkout", "restore"))

#: Prefix of a variable that `git merge` sets for each commit that it merges, and no other command does.
MERGED: Final = "GITHEAD_"

#: Git's folders of the rebases of both kinds, and of other sequences of picks.
REBASE: Final = "rebase-merge"
APPLY: Final = "rebase-apply"
SEQUENCE: Final = "sequencer"


def current_operation(repository: Repository, environment: Mapping[str, str] = os.environ) -> Operation:
    """The operation for which Git runs this process as a merge driver or a hook.

    If no fact tells, it's a merge where Git only looks at the result, and else a pick: a true merge into the
    index is never without its variables.

    Args:
        repository: The repository.
        environment: Environment variables of the driver.
    """
    command, words = nearest_command()
    if command == "merge-tree":
        return Operation(_purpose_of_merge_tree(repository, words), command)
    if command == "rebase":
        return Operation(_purpose_of_rebase(repository.git_dir), command)
    if command in _PICKS:
        return Operation(Purpose.PICK, command)
    if command in _MERGES or any(name.startswith(MERGED) for name in environment):
        return Operation(Purpose.MERGE, command if command in _MERGES else "merge")
    found = _in_progress(repository.git_dir)
    if found is not None:
        return found
    index = environment.get("GIT_INDEX_FILE") or repository.git_dir / "index"
    return Operation(Purpose.PICK if os.path.lexists(f"{index}.lock") else Purpose.MERGE)


def restores_conflict() -> bool:
    """Whether Git runs a command that may make the conflict of another operation anew."""
    return nearest_command()[0] in _RESTORES


def interrupted_operation(repository: Repository) -> Operation:
    """The operation that a conflict stopped, by its files; `git stash` and `git checkout -m` have none."""
    git_dir = repository.git_dir
    found = _in_progress(git_dir)
    if found is not None:
        return found
    merging = any((git_dir / name).exists() for name in ("MERGE_HEAD", "SQUASH_MSG"))
    return Operation(Purpose.MERGE, "merge") if merging else Operation(Purpose.PICK)


def _in_progress(git_dir: Path) -> Operation | None:
    """The operation of several steps that has left its files; `None` without one."""
    if (git_dir / REBASE).exists():
        return Operation(_purpose_of_rebase(git_dir), "rebase")
    if (git_dir / APPLY).exists():
        return Operation(Purpose.PICK, "rebase" if (git_dir / APPLY / "rebasing").exists() else "am")
    if (git_dir / "REVERT_HEAD").exists():
        return Operation(Purpose.PICK, "revert")
    if (git_dir / "CHERRY_PICK_HEAD").exists() or (git_dir / SEQUENCE).exists():
        return Operation(Purpose.PICK, "cherry-pick")
    return None


def _purpose_of_rebase(git_dir: Path) -> Purpose:
    """The purpose of the command that a rebase has begun last: with `--rebase-merges`, some are merges."""
    with suppress(OSError):
        lines = (git_dir / REBASE / "done").read_bytes().split(b"\n")
        last = next((line for line in reversed(lines) if line.strip()), b"")
        if last.split(None, 1)[:1] in ([b"merge"], [b"m"]):
            return Purpose.MERGE
    return Purpose.PICK


def _purpose_of_merge_tree(repository: Repository, words: Sequence[str]) -> Purpose:
    """The purpose of `git merge-tree`: a pick if it's given a base that isn't the merge base."""
    base, branches = "", []
    rest = iter(words)
    for word in rest:
        if word == "--merge-base":
            base = next(rest, "")
        elif word.startswith("--merge-base="):
            base = word.partition("=")[2]
        elif word in ("-X", "--strategy-option"):
            next(rest, None)
        elif not word.startswith("-"):
            branches.append(word)
    if not base:
        return Purpose.MERGE
    with suppress(GitError):
        given = repository.git.line("rev-parse", "--verify", "--end-of-options", f"{base}^{{commit}}")
        bases = repository.git.line("merge-base", "--all", "--", *branches).split("\n")
        return Purpose.MERGE if given in bases else Purpose.PICK
    return Purpose.PICK
