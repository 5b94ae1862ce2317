"""The merge tool in a repository: which file, what to write, and asking in the middle of a `git merge`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace

from git_theta.errors import GitError
from git_theta.git.merge.repository_backend import RepositoryBackend, failure, scratch
from git_theta.git.merge.resolve import ConflictVersions, decided, resolve
from git_theta.git.merge.save_rules import IN_FILE, IN_GIT
from git_theta.git.plumbing.check_attr import attribute_values
from git_theta.git.plumbing.colour import painted, palette
from git_theta.git.plumbing.tty import on_terminal, read_line, show
from git_theta.git.repository import conflict_records
from git_theta.git.repository.repository import Repository
from git_theta.git.worktree.workspace import Workspace
from git_theta.merge.rules import MergeRule, MergeRules
from git_theta.mergetool.session import Ask, Say, Session
from git_theta.model.manifest import Manifest
from git_theta.report.lines import Line
from git_theta.report.merge_summary import summary

__all__ = ["ask", "decide", "only_conflict", "painter"]


def only_conflict(repository: Repository) -> str:
    """The one tracked checkpoint in conflict, from the top of the work tree.

    Raises:
        GitError: There's none, or there are several.
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


def decide(workspace: Workspace, versions: ConflictVersions, ask: Ask, say: Say) -> bool:
    """Let the user decide about a file in conflict; returns whether it's written and staged.

    Args:
        workspace: The repository's parts, with Git at the top of the work tree.
        versions: The file.
        ask: Asks for a line.
        say: Shows lines.

    Raises:
        ThetaError: The file can't be looked at.
    """

    def finish(rules: Sequence[MergeRule]) -> str:
        before = conflict_records.read_record(workspace.repository, versions.path)
        merged = resolve(workspace, versions, rules, ())
        if merged.manifest is None:
            # As long as the session goes on, its choices are nowhere else.
            if before:
                conflict_records.write_record(workspace.repository, before)
            else:
                conflict_records.remove_record(workspace.repository, versions.path)
            raise failure(merged)
        return f"{summary(merged)}\nWritten and staged."

    rules = decided(workspace.repository, versions, (), ())
    places = {**IN_FILE, **IN_GIT}
    with scratch(workspace.repository.store) as store:
        sides = (versions.ours, versions.theirs)
        backend = RepositoryBackend(
            workspace, store, versions.path, versions.base, sides, rules, places, finish
        )
        return Session(backend, ask, say).run() is not None


def ask(
    workspace: Workspace,
    path: str,
    base: Manifest | None,
    ours: Manifest,
    theirs: Manifest,
    rules: MergeRules,
) -> MergeRules | None:
    """Ask the user, in the middle of a git command, how to merge a file.

    Args:
        workspace: The repository's parts, with Git at the top of the work tree.
        path: The file, from there.
        base: The merge base; `None` if there's none.
        ours: Our version.
        theirs: Their version.
        rules: What holds if nothing is chosen.

    Returns:
        Rules to merge by: those given if there's no terminal, or nothing to decide; `None` if the user quits.
    """
    with on_terminal() as there:
        if not there:
            return rules
        with scratch(workspace.repository.store) as store:
            backend = RepositoryBackend(workspace, store, path, base, (ours, theirs), rules, IN_GIT)
            session = Session(backend, read_line, painter(workspace.repository, terminal=True))
            chosen = session.run() if session.undecided else ()
    return None if chosen is None else replace(rules, rules=(*rules.rules, *chosen))


def painter(repository: Repository, *, terminal: bool) -> Say:
    """Shows lines on stdout, in the colours that Git is set to on a terminal."""
    colours = palette(repository.git, terminal=terminal)

    def say(lines: Sequence[Line]) -> None:
        show(painted(lines, colours))

    return say  # type: ignore[return-value]
