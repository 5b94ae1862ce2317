"""`git theta hook`: what the hooks run."""

from __future__ import annotations

import os
import sys

import click

from git_theta.errors import ThetaError
from git_theta.git.command import Git
from git_theta.git.filter import Filter, explain, note
from git_theta.git.materialise import find_pending, materialise
from git_theta.git.repository import Repository


@click.command("hook", hidden=True, context_settings={"ignore_unknown_options": True})
@click.argument("name")
@click.argument("args", nargs=-1, type=click.UNPROCESSED)
def command(name: str, args: tuple[str, ...]) -> None:
    """Do what a hook is for: send objects before a push, else write large checkpoints, which never fails."""
    if name == "pre-push":
        _send(*args[:2])
        return
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


def _send(remote: str, url: str) -> None:
    """Send the objects that a push needs; a failure stops the push."""
    from git_theta.cli.render import human_size, plural
    from git_theta.git.push import parse_updates, push_updates

    done = push_updates(Repository(Git()), remote, url, parse_updates(sys.stdin))
    if done and done.count:
        note(f"sent {plural(done.count, 'object')}, {human_size(done.bytes)}")
