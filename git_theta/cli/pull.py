"""`git theta pull`."""

from __future__ import annotations

import click

from git_theta.cli.checkout import at_top, write
from git_theta.git.worktree.checkout import CheckpointChoice, fetch_parameters
from git_theta.report.text import plural
from git_theta.runtime.output import say

_EPILOG = """\b
Examples:
  git theta pull                                     all files that are still manifests
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
    "and `models/` all files in that folder.",
)
@click.option("--exclude", multiple=True, metavar="GLOB", help="No files that match.")
@click.option(
    "--params",
    multiple=True,
    metavar="GLOB",
    help="Fetch only objects of these parameters, and write no file: names, or patterns such as `encoder/*`.",
)
def command(
    paths: tuple[str, ...], include: tuple[str, ...], exclude: tuple[str, ...], params: tuple[str, ...]
) -> None:
    """Fetch the objects that checkpoints of the work tree need, and write the files.

    This command is for lazy clones, where a checkout leaves manifests: `git config theta.fetch lazy`. No
    other objects are fetched. A changed file is never touched. Each option may be given several times.
    """
    repository, wanted = at_top(paths)
    choice = CheckpointChoice(wanted, include, exclude)
    if not params:
        write(repository, choice)
        return
    count = fetch_parameters(repository, choice, params, say)
    say(f"The objects of {plural(count, 'parameter')} are here; git_theta.load reads them.")
