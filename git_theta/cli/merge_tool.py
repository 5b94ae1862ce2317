"""`git theta merge-tool`."""

from __future__ import annotations

import sys

import click

from git_theta.git.merge.conflict_versions import conflict_versions
from git_theta.git.merge.interactive import coloured_output, only_conflict, resolve_interactively
from git_theta.git.plumbing.command import Git
from git_theta.git.plumbing.tty import read_line
from git_theta.git.repository.paths import work_tree_path
from git_theta.git.repository.repository import Repository
from git_theta.git.worktree.workspace import Workspace

_EPILOG = """\b
Examples:
  git theta merge-tool                          the checkpoint that is in conflict
  git theta merge-tool model.safetensors        one of several
  git mergetool --tool=theta                    all of them, one after the other
  git config theta.merge ask                    ask during every merge
"""


@click.command(
    "merge-tool", epilog=_EPILOG, short_help="Decide interactively about a checkpoint in conflict."
)
@click.argument("path", type=click.Path(), required=False)
def command(path: str | None) -> int:
    """See what both sides did to each group of parameters, and choose what becomes of it.

    You type choices such as `2 ties density=0.3`, `embeddings.* theirs` or `all average`. `help` shows the
    other commands. `write` merges, writes the file and stages it; `quit` leaves everything as it was.

    The exit code is 0 if the file was written and staged.
    """
    repository = Repository(Git())
    name = only_conflict(repository) if path is None else work_tree_path(repository.git, path)
    repository = repository.at_top()
    with Workspace(repository) as workspace:
        say = coloured_output(repository, terminal=sys.stdout.isatty())
        versions = conflict_versions(repository, workspace.cleaners, name)
        return 0 if resolve_interactively(workspace, versions, read_line, say) else 1
