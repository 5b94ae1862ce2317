"""`git theta hook`: what the hooks run."""

from __future__ import annotations

import click

from git_theta.git.drivers.run_hook import serve


@click.command("hook", hidden=True, context_settings={"ignore_unknown_options": True})
@click.argument("name")
@click.argument("args", nargs=-1, type=click.UNPROCESSED)
def command(name: str, args: tuple[str, ...]) -> int:
    """Do what a hook is for: send objects before a push, else write large checkpoints, which never fails."""
    return serve(name, args)
