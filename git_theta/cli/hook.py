"""`git theta hook`: what the hooks run."""

from __future__ import annotations

import os

import click

from git_theta.errors import ThetaError
from git_theta.git.command import Git
from git_theta.git.filter import Filter, explain
from git_theta.git.materialise import find_pending, materialise
from git_theta.git.repository import Repository


@click.command("hook", hidden=True, context_settings={"ignore_unknown_options": True})
@click.argument("name")
@click.argument("args", nargs=-1, type=click.UNPROCESSED)
def command(name: str, args: tuple[str, ...]) -> None:  # noqa: ARG001
    """Write large checkpoints now, so that what runs after this hook sees them. Never fails git."""
    try:
        repository = Repository(Git())
        if repository.git.line("rev-parse", "--is-inside-work-tree") != "true":
            return
        os.chdir(repository.root)
        work = Filter(Repository(Git()))
        try:
            materialise(work, find_pending(work))
        finally:
            work.close()
    except (ThetaError, OSError) as error:
        explain(None, error if isinstance(error, ThetaError) else ThetaError(str(error)))
