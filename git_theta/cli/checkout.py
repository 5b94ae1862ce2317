"""`git theta checkout`."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from contextlib import closing

import click

from git_theta.errors import ThetaError, UsageError
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.repository import Repository
from git_theta.git.worktree.checkout import CheckpointChoice, check_out
from git_theta.git.worktree.known_files import KnownFiles
from git_theta.report.text import plural
from git_theta.runtime.output import say

_EPILOG = """\b
Examples:
  git theta checkout
  git theta checkout models/base.safetensors
"""


@click.command("checkout", epilog=_EPILOG, short_help="Write checkpoints that are still manifests.")
@click.argument("paths", nargs=-1, type=click.Path())
def command(paths: tuple[str, ...]) -> None:
    """Write checkpoints of which the work tree has only the manifests.

    A killed checkout leaves such files; lazy clones have them; and while a hook of a checkout runs, large
    files are still manifests. Missing objects are fetched. A changed file is never touched; to discard a
    change, use `git checkout -- PATH`.
    """
    repository, wanted = at_top(paths)
    write(repository, CheckpointChoice(wanted))


def at_top(paths: Sequence[str]) -> tuple[Repository, list[str]]:
    """The repository with Git at the top of the work tree, and the paths from there.

    Raises:
        UsageError: A path has no tracked checkpoint, or isn't in the work tree.
    """
    git = Git()
    prefix = git.line("rev-parse", "--show-prefix")
    wanted = [_from_top(prefix, path) for path in paths]
    repository = Repository(git).at_top()
    for path, name in zip(paths, wanted, strict=True):
        if not repository.git.run("ls-files", "--", f":(attr:filter=theta,top,literal){name}"):
            raise UsageError(f"{path} has no tracked checkpoint", "`git theta ls-files` lists them")
        if name and not os.path.lexists(repository.git.path(name)):
            raise UsageError(
                f"{path} isn't in the work tree", f"restore it: git checkout -- {shlex.quote(path)}"
            )
    return repository, wanted


def write(repository: Repository, choice: CheckpointChoice) -> None:
    """Write the chosen files, and print how many.

    Args:
        repository: The repository, with Git at the top of its work tree.
        choice: The files.

    Raises:
        UsageError: No checkpoint is chosen.
        ThetaError: A file couldn't be written.
    """
    repository.store.sweep()
    with closing(KnownFiles(repository)) as known_files:
        done = check_out(repository, known_files, choice, say)
    if done.failed:
        raise ThetaError(f"{plural(len(done.failed), 'file')} couldn't be written", "see above")
    say(f"{plural(done.written, 'file')} written." if done.written else "Nothing to do.")


def _from_top(prefix: str, path: str) -> str:
    """A path for a literal pathspec. The top is the empty path: Git finds nothing for a dot."""
    found = os.path.normpath(os.path.join(prefix, path))
    return "" if found == "." else found
