"""`git theta smudge`: the one-shot filter, for tools without Git's filter process protocol."""

from __future__ import annotations

import os
import sys
from contextlib import redirect_stdout

import click

from git_theta.git.plumbing.command import Git
from git_theta.git.plumbing.work_file import drain
from git_theta.git.remote.fetch import ensure_values, is_here
from git_theta.git.repository.conversions import as_stored
from git_theta.git.repository.repository import Repository
from git_theta.git.worktree.known_files import KnownFiles
from git_theta.git.worktree.smudge_filter import file_pieces, manifest_to_smudge, read_pieces, smudge


@click.command("smudge", hidden=True)
@click.argument("path", required=False)
def command(path: str | None) -> None:
    """Read a manifest from stdin and write the checkpoint to stdout; anything else passes through."""
    repository = Repository(Git())
    data = drain(read_pieces(0), None, repository.store.temporary_file)
    data = None if data is None else as_stored(data)
    manifest = None if data is None else manifest_to_smudge(data, path)
    if manifest is None:
        sys.stdout.buffer.write(data or b"")
        return
    if repository.settings.lazy and not is_here(repository, manifest):
        sys.stdout.buffer.write(data or b"")
        return
    ensure_values(repository, manifest.all_entries())
    handle = repository.store.temporary_file()
    known_files = KnownFiles(repository)
    try:
        with redirect_stdout(sys.stderr):
            smudge(repository, known_files, manifest, handle)
        sys.stdout.buffer.writelines(file_pieces(handle))
    finally:
        known_files.close()
        os.close(handle)
