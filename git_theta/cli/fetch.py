"""`git theta fetch`."""

from __future__ import annotations

import click

from git_theta.errors import UsageError
from git_theta.git.plumbing.command import Git
from git_theta.git.remote.fetch import fetch_objects
from git_theta.git.remote.remotes import chosen_remote
from git_theta.git.repository.manifest_walk import everywhere, objects_of
from git_theta.git.repository.repository import Repository

_EPILOG = """\b
Examples:
  git theta fetch                  what HEAD needs
  git theta fetch main v1.0        what these and their history need
  git theta fetch --all            what anything here needs
"""


@click.command("fetch", epilog=_EPILOG, short_help="Get objects from a remote.")
@click.argument("refs", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="What any ref or the index needs.")
@click.option("--remote", default="", help="Where from; else each remote is asked, the branch's first.")
def command(refs: tuple[str, ...], everything: bool, remote: str) -> None:
    """Get the objects that versions need and that aren't here.

    A checkout gets what it needs by itself. This is for working offline, or for lazy clones.
    """
    if everything and refs:
        raise UsageError("--all goes without refs")
    repository = Repository(Git())
    if remote:
        chosen_remote(repository, remote)
    versions = everywhere(repository.git, () if everything else refs or ("HEAD",))
    done = fetch_objects(repository, objects_of(versions.values()), remote)
    click.echo(str(done) if done.count else "Nothing to do.")
