"""`git theta clean`: the one-shot filter, for tools without Git's filter process protocol."""

from __future__ import annotations

import sys
from contextlib import closing, redirect_stdout

import click

from git_theta.git.plumbing.command import Git
from git_theta.git.plumbing.pktline import widen_pipe
from git_theta.git.repository.repository import Repository
from git_theta.git.worktree.clean_filter import CleanFilter
from git_theta.git.worktree.known_files import KnownFiles
from git_theta.git.worktree.smudge_filter import read_pieces


@click.command("clean", hidden=True)
@click.argument("path", required=False)
def command(path: str | None) -> None:
    """Read a checkpoint from stdin and write its manifest to stdout."""
    widen_pipe(0)
    out = sys.stdout.buffer
    repository = Repository(Git())
    with (
        redirect_stdout(sys.stderr),
        closing(KnownFiles(repository)) as known_files,
        closing(CleanFilter(repository, known_files)) as clean_filter,
    ):
        text = clean_filter.clean(path, read_pieces(0))
    out.write(text)
