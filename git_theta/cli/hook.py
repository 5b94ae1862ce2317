"""`git theta hook`: what the hooks run."""

from __future__ import annotations

import os
import sys

import click

from git_theta.errors import ThetaError
from git_theta.git.command import Git
from git_theta.git.repository import Repository
from git_theta.git.tell import explain, note


@click.command("hook", hidden=True, context_settings={"ignore_unknown_options": True})
@click.argument("name")
@click.argument("args", nargs=-1, type=click.UNPROCESSED)
def command(name: str, args: tuple[str, ...]) -> None:
    """Do what a hook is for: send objects before a push, else write large checkpoints, which never fails."""
    if name == "pre-push":
        _send(args)
        return
    from git_theta.git.fetch import is_here
    from git_theta.git.filter import Filter
    from git_theta.git.materialise import find_pending, materialise, tell_failed

    try:
        repository = Repository(Git())
        if repository.git.line("rev-parse", "--is-inside-work-tree") != "true":
            return
        os.chdir(repository.root)
        work = Filter(Repository(Git()))
        try:
            pending = find_pending(work)
            if work.repository.settings.lazy:
                pending = [item for item in pending if is_here(work.repository, item.manifest)]
            tell_failed(materialise(work, pending))
        finally:
            work.close()
    except (ThetaError, OSError) as error:
        explain(None, error if isinstance(error, ThetaError) else ThetaError(str(error)))


def _send(args: tuple[str, ...]) -> None:
    """Send the objects that a push needs; a failure stops the push."""
    from git_theta.git.caller import is_quiet, is_rehearsal
    from git_theta.git.pointers import REF
    from git_theta.git.prepush import told
    from git_theta.git.push import push_updates
    from git_theta.git.ref_updates import parse_updates, untold
    from git_theta.git.rehearse import would_send
    from git_theta.report.words import human_size, plural, transferred

    name, url, lines = told(args, sys.stdin, os.environ)
    repository = Repository(Git())
    updates = [*parse_updates(lines), *untold(repository.git, name, url, REF)]
    if is_rehearsal():
        sizes = would_send(repository, name, url, updates)
        if sizes:
            note(f"would send {plural(len(sizes), 'object')}, {human_size(sum(sizes))}")
        return
    done = push_updates(repository, name, url, updates)
    if done and done.count and not is_quiet():
        note(transferred("sent", done.count, done.bytes, done.seconds))
