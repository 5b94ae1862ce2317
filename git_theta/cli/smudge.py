"""`git theta smudge`: the one-shot filter, for tools that don't speak the process protocol."""

from __future__ import annotations

import os
import sys

import click

from git_theta.git.plumbing.command import Git
from git_theta.git.plumbing.work_file import drain
from git_theta.git.remote.fetch import ensure, is_here
from git_theta.git.repository.repository import Repository
from git_theta.git.worktree.workspace import Workspace, read_pieces, send, wanted


@click.command("smudge", hidden=True)
@click.argument("path", required=False)
def command(path: str | None) -> None:
    """Read a manifest from stdin and write the checkpoint to stdout; anything else passes through."""
    repository = Repository(Git())
    data = drain(read_pieces(0), None, repository.store.temporary_file)
    manifest = None if data is None else wanted(data, path)
    if manifest is None:
        sys.stdout.buffer.write(data or b"")
        return
    if repository.settings.lazy and not is_here(repository, manifest):
        sys.stdout.buffer.write(data or b"")
        return
    ensure(repository, manifest.objects())
    handle = repository.store.temporary_file()
    work = Workspace(repository)
    try:
        work.smudge(manifest, handle)
        send(handle, sys.stdout.buffer.write)
    finally:
        work.close()
        os.close(handle)
