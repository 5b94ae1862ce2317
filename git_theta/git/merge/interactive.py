"""The merge tool on a terminal: for a file in conflict, or asked in the middle of a `git merge`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace

from git_theta.errors import GitError
from git_theta.git.merge.conflict_versions import ConflictVersions
from git_theta.git.merge.preview_store import preview_store
from git_theta.git.merge.repository_backend import RepositoryBackend, conflict_error
from git_theta.git.merge.resolve import resolve, rules_of_conflict
from git_theta.git.merge.save_rules import IN_FILE, IN_GIT
from git_theta.git.plumbing.check_attr import attribute_values
from git_theta.git.plumbing.colour import painted, palette
from git_theta.git.plumbing.tty import on_terminal, read_line
from git_theta.git.repository.conflict_records import read_record, remove_record, write_record
from git_theta.git.repository.repository import Repository
from git_theta.git.worktree.workspace import Workspace
from git_theta.mergetool.session import Ask, MergeSession, Say
from git_theta.merging.rules import MergeRule, MergeRules
from git_theta.model.manifest import Manifest
from git_theta.report.lines import Line
from git_theta.report.merge_summary import merge_lines
from git_theta.runtime.output import write_stdout


def only_conflict(repository: Repository) -> str:
    """The path of the only tracked checkpoint in conflict, from the top of the work tree.

    Raises:
        GitError: No checkpoint is in conflict, or several are.
    """
    git = repository.git
    listed = git.run("ls-files", "-u", "-z", "--full-name", ":/").split(b"\0")
    paths = dict.fromkeys(os.fsdecode(record.partition(b"\t")[2]) for record in listed if record)
    found = [path for path, value in attribute_values(git, "filter", paths).items() if value == "theta"]
    if len(found) == 1:
        return found[0]
    if not found:
        raise GitError("no checkpoint is in conflict", "see what is: git status")
    raise GitError(f"{len(found)} checkpoints are in conflict: {', '.join(found[:5])}", "name one of them")


def resolve_interactively(workspace: Workspace, versions: ConflictVersions, ask: Ask, say: Say) -> bool:
    """Let the user decide about a file in conflict.

    Args:
        workspace: The repository's parts, with Git at the top of the work tree.
        versions: The file in conflict.
        ask: Asks for a line.
        say: Shows lines.

    Returns:
        Whether the file was written and staged.

    Raises:
        ThetaError: A version of the file can't be read.
    """
    repository, path = workspace.repository, versions.path

    def finish(choices: Sequence[MergeRule]) -> str:
        before = read_record(repository, path)
        merged = resolve(workspace, versions, choices)
        if merged.manifest is None:
            # The session goes on, and still has its choices: they don't belong into the record.
            if before:
                write_record(repository, before)
            else:
                remove_record(repository, path)
            raise conflict_error(merged)
        return "\n".join((*merge_lines(merged, versions.operation), "Written and staged."))

    rules = rules_of_conflict(repository, versions)
    sides, places = (versions.ours, versions.theirs), {**IN_FILE, **IN_GIT}
    with preview_store(repository.store) as store:
        backend = RepositoryBackend(workspace, store, path, versions.base, sides, rules, places, finish)
        return MergeSession(backend, ask, say).run() is not None


def ask_for_rules(
    workspace: Workspace,
    path: str,
    base: Manifest | None,
    ours: Manifest,
    theirs: Manifest,
    rules: MergeRules,
) -> MergeRules | None:
    """Ask the user on the terminal, in the middle of a git command, how to merge a file.

    Args:
        workspace: The repository's parts, with Git at the top of the work tree.
        path: Path of the file, from the top.
        base: The merge base; `None` if there's none.
        ours: Our version.
        theirs: Their version.
        rules: The rules that apply if nothing is chosen.

    Returns:
        The rules with the user's choices: just `rules` without a terminal, or if there's nothing to decide.
        `None` if the user quits.
    """
    with on_terminal() as has_terminal:
        if not has_terminal:
            return rules
        with preview_store(workspace.repository.store) as store:
            backend = RepositoryBackend(workspace, store, path, base, (ours, theirs), rules, IN_GIT)
            session = MergeSession(backend, read_line, coloured_output(workspace.repository, terminal=True))
            chosen = session.run() if session.undecided else ()
    return None if chosen is None else replace(rules, rules=(*rules.rules, *chosen))


def coloured_output(repository: Repository, *, terminal: bool) -> Say:
    """A function that prints lines to stdout, on a terminal in the colours of Git's settings."""
    colours = palette(repository.git, terminal=terminal)

    def say(lines: Sequence[Line]) -> None:
        write_stdout(painted(lines, colours))

    return say  # type: ignore[return-value]
