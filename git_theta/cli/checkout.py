"""`git theta checkout`."""

from __future__ import annotations

import os
import shlex

import click

from git_theta.cli.render import plural
from git_theta.errors import ThetaError, UsageError
from git_theta.git.command import Git
from git_theta.git.filter import Filter
from git_theta.git.materialise import find_pending, materialise
from git_theta.git.repository import Repository
from git_theta.progress import progress

_EPILOG = """\b
Examples:
  git theta checkout
  git theta checkout models/base.safetensors
"""


@click.command("checkout", epilog=_EPILOG, short_help="Write checkpoints that are still manifests.")
@click.argument("paths", nargs=-1, type=click.Path())
def command(paths: tuple[str, ...]) -> None:
    """Write the checkpoints that the work tree has only the manifests of.

    Git leaves them so if a checkout was killed, or while one of its hooks runs. A file that was changed is
    never touched; to throw a change away, use `git checkout -- PATH`.
    """
    repository = Repository(Git())
    prefix = repository.git.line("rev-parse", "--show-prefix")
    wanted = [_from_top(prefix, path) for path in paths]
    os.chdir(repository.root)
    repository = Repository(Git())
    repository.store.sweep()
    work = Filter(repository)
    try:
        for path, pathspec in zip(paths, wanted, strict=True):
            if not repository.git.run("ls-files", "--", f":(attr:filter=theta,top,literal){pathspec}"):
                raise UsageError(f"{path} has no tracked checkpoint", "`git theta ls-files` lists them")
            if pathspec and not os.path.lexists(pathspec):
                raise UsageError(
                    f"{path} isn't in the work tree", f"get it back with: git checkout -- {shlex.quote(path)}"
                )
        pending = find_pending(work, wanted)
        with progress("writing checkpoints", sum(item.manifest.size for item in pending)) as advance:
            failed = materialise(work, pending, advance)
    finally:
        work.close()
    if failed:
        raise ThetaError(f"{plural(len(failed), 'file')} couldn't be written", "see above")
    click.echo(f"{plural(len(pending), 'file')} written." if pending else "Nothing to do.")


def _from_top(prefix: str, path: str) -> str:
    """A path for a literal pathspec; the top itself is empty there, since Git finds nothing for a dot."""
    found = os.path.normpath(os.path.join(prefix, path))
    return "" if found == "." else found
