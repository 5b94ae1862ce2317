"""`git theta merge-driver`, which `git merge` runs for a checkpoint that both sides changed."""

from __future__ import annotations

import click

from git_theta.git.drivers.merge import run_merge_driver


@click.command("merge-driver", hidden=True, context_settings={"ignore_unknown_options": True})
@click.argument("args", nargs=-1, type=click.UNPROCESSED)
def command(args: tuple[str, ...]) -> int:
    """Merge one file; the arguments are those of `merge.theta.driver`."""
    return run_merge_driver(args)
