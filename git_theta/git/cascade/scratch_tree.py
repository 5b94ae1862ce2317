"""Scratch work trees for commands that run at once, each with the files that its command may read."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from git_theta.errors import full_disk_hint
from git_theta.git.lineage.run_program import RunError
from git_theta.git.lineage.tree import LineageTree
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.repository import Repository


def scratch_folder(repository: Repository) -> Path:
    """The folder of a work tree's scratch trees."""
    return repository.git_dir / "theta" / "cascade-trees"


@contextmanager
def scratch_tree(repository: Repository, tree_id: str, models: Collection[str]) -> Iterator[Repository]:
    """A work tree that shares the objects of a repository, and has an index of its own.

    The environment of this process mustn't name a repository.

    It has all files of a tree but models that nobody asks for, and nothing that Git doesn't have.

    Args:
        repository: The repository.
        tree_id: The tree.
        models: Models whose files are written.

    Raises:
        GitError: Files can't be written.
    """
    folder = scratch_folder(repository)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        place = Path(tempfile.mkdtemp(dir=folder))
    except OSError as error:
        raise RunError(
            f"a scratch work tree can't be made: {error.strerror}: {folder}", full_disk_hint(error)
        ) from error
    # Users' hooks are for their own work tree.
    no_hooks = ("-c", f"core.hooksPath={os.devnull}")
    try:
        repository.git.run(
            *(*no_hooks, "worktree", "add", "-q", "-f", "--detach", "--no-checkout"), str(place), "HEAD"
        )
        scratch = Repository(Git(place))
        scratch.git.run("read-tree", tree_id)
        with LineageTree(scratch) as tree:
            unwanted = {
                path for name, parts in tree.models.items() if name not in models for path in parts.files
            }
        # Links are among them.
        names = [name for name in scratch.git.records("ls-files", "-z") if os.fsdecode(name) not in unwanted]
        stdin = b"".join(name + b"\0" for name in names)
        scratch.git.run("checkout-index", "-q", "-u", "-z", "--stdin", stdin=stdin)
        yield scratch
    finally:
        _remove(repository, place)


def remove_scratch_trees(repository: Repository) -> None:
    """Remove scratch trees that a killed cascade has left."""
    folder = scratch_folder(repository)
    if folder.is_dir() and not folder.is_symlink():
        for place in folder.iterdir():
            _remove(repository, place)


def _remove(repository: Repository, place: Path) -> None:
    if not repository.git.ok("worktree", "remove", "--force", str(place)):
        shutil.rmtree(place, ignore_errors=True)
        repository.git.ok("worktree", "prune")
