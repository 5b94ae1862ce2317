"""Starting a migration: checks that it can be done now, and the parts that it's composed of."""

from __future__ import annotations

import os
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

from git_theta.errors import UsageError
from git_theta.git.migrate.attributes import Target
from git_theta.git.migrate.commit_history import CommitHistory, read_history
from git_theta.git.migrate.convert import Converter
from git_theta.git.migrate.git_objects import GitObjects
from git_theta.git.migrate.lfs_objects import lfs_store
from git_theta.git.migrate.lfs_patterns import checkpoint_patterns
from git_theta.git.migrate.migration import Migration
from git_theta.git.migrate.pack_writer import PackWriter
from git_theta.git.migrate.plan import make_plan
from git_theta.git.migrate.request import MigrationRequest, MigrationSummary
from git_theta.git.migrate.rewritten_refs import chosen_refs, refuse_busy, refuse_kept, refuse_unsafe
from git_theta.git.migrate.selection import MigrationGoal, Selection
from git_theta.git.migrate.work_tree import refuse_changes
from git_theta.git.plumbing.command import Git
from git_theta.git.worktree.workspace import Workspace
from git_theta.runtime.early_end import temporary_folder
from git_theta.runtime.shared_folders import make_folders
from git_theta.store.local import LocalStore

_INSTALL = {"theta": "git theta install", "lfs": "git lfs install"}


def migrate(workspace: Workspace, request: MigrationRequest) -> MigrationSummary:
    """Convert files in the next commit, or in history.

    Until the very end, nothing is changed that anyone could see.

    Args:
        workspace: The repository's parts, with Git at the top of the work tree.
        request: The conversion.

    Raises:
        UsageError: It can't be done now, or not in this way.
        MissingObjectError: The content of a file can't be had.
        ThetaError: Something is damaged, or can't be written.
    """
    repository = workspace.repository
    # Objects that `git replace` puts in the place of others are for looking at history, not for rewriting it.
    git = Git(repository.git.cwd, {**os.environ, "GIT_NO_REPLACE_OBJECTS": "1"})
    _refuse_without_filter(git, request.target)
    refuse_busy(repository)
    if not git.ok("rev-parse", "-q", "--verify", "HEAD"):
        raise UsageError("there are no commits yet", "use `git theta track`, and add your files")
    refs = chosen_refs(git, request.names, everything=request.everything) if request.rewrite else {}
    if request.rewrite:
        refuse_unsafe(repository, refs)
        refuse_kept(git, refs)
    tmp = repository.store.tmp
    make_folders(tmp)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(temporary_folder(tmp, "migrate-")))
        objects = stack.enter_context(GitObjects(git.cwd, git.env))
        refuse_changes(git, objects)
        tips = list(refs.values()) if request.rewrite else [git.line("rev-parse", "HEAD")]
        history = read_history(git, objects, tips, ancestors=request.rewrite)
        lfs = lfs_store(repository)
        pack_file = stack.enter_context((folder / "pack").open("w+b"))
        pack = PackWriter(pack_file, git.line("rev-parse", "--show-object-format"))
        converter = Converter(workspace, objects, lfs, pack)
        goal, other_patterns = _goal(git, request, history, lfs, folder)
        selection = stack.enter_context(closing(Selection(git, objects, goal, folder)))
        plan = make_plan(history, selection)
        migration = Migration(
            repository, workspace.known_files, git, request, history, plan, lfs, pack, converter
        )
        return replace(migration.run(refs), others=other_patterns)


def _refuse_without_filter(git: Git, target: Target) -> None:
    if target != "plain" and not (
        git.config(f"filter.{target}.process") or git.config(f"filter.{target}.clean")
    ):
        raise UsageError(f"Git isn't set up for filter={target}", f"run `{_INSTALL[target]}` first")


def _goal(
    git: Git, request: MigrationRequest, history: CommitHistory, lfs: LocalStore, folder: Path
) -> tuple[MigrationGoal, tuple[str, ...]]:
    """The goal of a migration, and the patterns of git-lfs that stay."""
    if request.target != "theta" or request.include:
        return MigrationGoal(request.target, request.include), ()
    chosen, others = checkpoint_patterns(git, history, lfs, folder)
    return MigrationGoal("theta", chosen=chosen), tuple(sorted(others))
