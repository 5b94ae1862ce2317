"""`git theta clean`: the one-shot filter, for tools that don't speak the process protocol."""

from __future__ import annotations

import sys

import click

from git_theta.git.plumbing.command import Git
from git_theta.git.plumbing.pktline import widen
from git_theta.git.repository.repository import Repository
from git_theta.git.worktree.workspace import Workspace, read_pieces


@click.command("clean", hidden=True)
@click.argument("path", required=False)
def command(path: str | None) -> None:
    """Read a checkpoint from stdin and write its manifest to stdout."""
    widen(0)
    work = Workspace(Repository(Git()))
    try:
        text = work.clean(path, read_pieces(0))
    finally:
        work.close()
    sys.stdout.buffer.write(text)
