"""`git theta diff-driver`: the command that `git diff` runs for a checkpoint."""

from __future__ import annotations

import click

from git_theta.git.drivers.diff import run_diff_driver


@click.command("diff-driver", hidden=True, context_settings={"ignore_unknown_options": True})
@click.argument("args", nargs=-1, type=click.UNPROCESSED)
def command(args: tuple[str, ...]) -> int:
    """Show the changes of one file; Git passes the arguments."""
    return run_diff_driver(args)
