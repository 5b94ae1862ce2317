"""`git theta hook`: the program of our hooks."""

from __future__ import annotations

import click

from git_theta.git.drivers.run_hook import run_hook


@click.command("hook", hidden=True, context_settings={"ignore_unknown_options": True})
@click.argument("name")
@click.argument("args", nargs=-1, type=click.UNPROCESSED)
def command(name: str, args: tuple[str, ...]) -> int:
    """Send objects before a push; in other hooks, write large checkpoints, and never fail."""
    return run_hook(name, args)
