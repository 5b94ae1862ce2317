"""Merge commits by Git, two by two, without a work tree and without an index."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from git_theta.errors import GitError
from git_theta.git.plumbing.command import Git, said
from git_theta.git.plumbing.environment import internal_environment
from git_theta.git.worktree.stage import index_line
from git_theta.report.text import plural, printable
from git_theta.runtime.early_end import temporary_folder

_HELPER = "helper of git theta merge"


def with_files(git: Git, commit: str, files: Mapping[str, tuple[str, str]]) -> str:
    """A commit on top of another one that replaces some files.

    Args:
        git: Git in the repository.
        commit: The other commit; also the result if no file is replaced.
        files: Path → new mode and blob.
    """
    if not files:
        return commit
    with temporary_folder() as folder:
        inside = Git(git.cwd, {**os.environ, "GIT_INDEX_FILE": str(Path(folder) / "index")})
        inside.run("read-tree", commit)
        lines = b"".join(index_line(path, mode, oid) for path, (mode, oid) in files.items())
        inside.run("update-index", "-z", "--index-info", stdin=lines)
        tree = inside.line("write-tree")
    return commit_tree(git, tree, [commit], _HELPER)


def merge_trees(git: Git, commits: Sequence[str], *, unrelated: bool) -> str:
    """The tree that Git merges commits to, the first two first.

    Checkpoints must be merged already: it's a conflict if Git would have to look into one.

    Args:
        git: Git in the repository.
        commits: Two or more.
        unrelated: Whether they may have no commit in common.

    Raises:
        GitError: There are conflicts; the message names the files.
    """
    merged, *others = commits
    tree = git.line("rev-parse", f"{merged}^{{tree}}")
    for commit in others:
        tree = _merge_two(git, merged, commit, unrelated=unrelated)
        merged = commit_tree(git, tree, [merged, commit], _HELPER)
    return tree


def commit_tree(git: Git, tree: str, parents: Sequence[str], message: str, *options: str) -> str:
    """A new commit's id."""
    words = [word for parent in parents for word in ("-p", parent)]
    return git.run("commit-tree", tree, *words, *options, stdin=os.fsencode(message)).decode().strip()


def _merge_two(git: Git, one: str, other: str, *, unrelated: bool) -> str:
    words = ["git", "-c", "merge.theta.driver=false", "merge-tree", "--write-tree", "-z", "--name-only"]
    words += ["--no-messages", *(["--allow-unrelated-histories"] if unrelated else []), one, other]
    # Exit code 1 is a conflict, and others are errors.
    done = subprocess.run(words, cwd=git.cwd, env=internal_environment(git.env), capture_output=True)
    if done.returncode not in (0, 1):
        raise GitError(f"git merge-tree failed: {said(done.stderr)}")
    tree, *files = (os.fsdecode(part) for part in done.stdout.rstrip(b"\0\n").split(b"\0"))
    if done.returncode:
        raise GitError(
            f"{plural(len(set(files)), 'file')} in conflict; nothing has changed",
            "merge one branch after the other, and settle the conflicts of each",
            [f"  {printable(name)}" for name in dict.fromkeys(files)],
        )
    return tree
