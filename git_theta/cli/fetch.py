"""`git theta fetch`."""

from __future__ import annotations

from itertools import chain

import click

from git_theta.errors import UsageError
from git_theta.git.plumbing.command import Git
from git_theta.git.remote.fetch import fetch_values
from git_theta.git.remote.remote_tables import fetch_tables
from git_theta.git.remote.remotes import chosen_remote
from git_theta.git.repository.manifest_walk import history_manifests
from git_theta.git.repository.repository import Repository
from git_theta.git.repository.source_table import is_source_table
from git_theta.runtime.output import say

_EPILOG = """\b
Examples:
  git theta fetch                  objects of HEAD and its history
  git theta fetch main v1.0        objects of these and their history
  git theta fetch --all            objects of all refs, reflogs and the index
"""


@click.command("fetch", epilog=_EPILOG, short_help="Fetch objects from a remote.")
@click.argument("refs", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Fetch objects of all refs, reflogs and the index.")
@click.option("--remote", default="", help="The remote to fetch from; else each in turn, the branch's first.")
def command(refs: tuple[str, ...], everything: bool, remote: str) -> None:
    """Fetch the missing objects of some versions and their history.

    A checkout fetches its objects by itself. This command is for working offline, and for lazy clones. It
    takes the remote's alternative sources as well, where `git theta compact` made some.
    """
    if everything and refs:
        raise UsageError("--all goes without refs")
    repository = Repository(Git())
    if remote:
        chosen_remote(repository, remote)
    fetch_tables(repository, remote)
    versions = history_manifests(repository.git, () if everything else refs or ("HEAD",))
    # Alternative sources are fetched where the own ones can't be had.
    files = (one.manifest for one in versions.values() if one.manifest and not is_source_table(one.manifest))
    entries = chain.from_iterable(manifest.all_entries() for manifest in files)
    done = fetch_values(repository, entries, remote, keep=True)
    say(str(done) if done.count else "Nothing to do.")
