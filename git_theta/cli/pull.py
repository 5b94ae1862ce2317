"""`git theta pull`."""

from __future__ import annotations

import click

from git_theta.cli.checkout import at_top, write
from git_theta.cli.render import plural
from git_theta.git.worktree.checkout import CheckpointChoice, fetch_parameters

_EPILOG = """\b
Examples:
  git theta pull                                     everything that is still a manifest
  git theta pull models/base.safetensors             one file, or one folder
  git theta pull --include '*.pt' --exclude old/     by patterns
  git theta pull --params 'encoder/*' base.pt        only some parameters, for git_theta.load
"""


@click.command("pull", epilog=_EPILOG, short_help="Fetch and write checkpoints of a lazy clone.")
@click.argument("paths", nargs=-1, type=click.Path())
@click.option(
    "--include",
    multiple=True,
    metavar="GLOB",
    help="Only files that match. As in .gitignore, `*.pt` matches in any folder, `models/*.pt` from the top, "
    "and `models/` stands for all that's in it.",
)
@click.option("--exclude", multiple=True, metavar="GLOB", help="No files that match.")
@click.option(
    "--params",
    multiple=True,
    metavar="GLOB",
    help="Fetch only what these parameters need, and write no file: names, or patterns such as `encoder/*`.",
)
def command(
    paths: tuple[str, ...], include: tuple[str, ...], exclude: tuple[str, ...], params: tuple[str, ...]
) -> None:
    """Fetch the objects that checkpoints of the work tree need, and write the files.

    This is for lazy clones, where a checkout leaves manifests: `git config theta.fetch lazy`. Nothing else is
    fetched. A file that was changed is never touched. Each option may be given several times.
    """
    repository, wanted = at_top(paths)
    choice = CheckpointChoice(wanted, include, exclude)
    if not params:
        write(repository, choice)
        return
    count = fetch_parameters(repository, choice, params, click.echo)
    click.echo(f"The objects of {plural(count, 'parameter')} are here; git_theta.load reads them.")
