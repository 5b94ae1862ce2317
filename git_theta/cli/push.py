"""`git theta push`."""

from __future__ import annotations

import click

from git_theta.errors import UsageError
from git_theta.git.plumbing.command import Git
from git_theta.git.remote.push import send_objects, sent_text
from git_theta.git.remote.remotes import chosen_remote, connected, git_url_of, open_remote
from git_theta.git.repository.manifest_walk import history_manifests, note_unreadable
from git_theta.git.repository.repository import Repository
from git_theta.runtime.output import say

_EPILOG = """\b
Examples:
  git theta push                   objects of HEAD and its history, to the branch's remote
  git theta push backup --all      objects of all refs, reflogs and the index
"""


@click.command("push", epilog=_EPILOG, short_help="Send objects to a remote.")
@click.argument("remote", default="")
@click.argument("refs", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Send objects of all refs, reflogs and the index.")
def command(remote: str, refs: tuple[str, ...], everything: bool) -> None:
    """Send objects of some versions and their history to a remote that lacks them.

    `git push` does that by itself. This command is for repositories where its hook can't run, and to fill a
    new remote.
    """
    if everything and refs:
        raise UsageError("--all goes without refs")
    repository = Repository(Git())
    name = chosen_remote(repository, remote)
    if not name:
        raise UsageError("there's no remote", "git remote add origin URL")
    versions = history_manifests(repository.git, () if everything else refs or ("HEAD",))
    note_unreadable(versions.values())
    with connected(open_remote(repository, name, "upload")) as place:
        done = send_objects(repository, place, git_url_of(repository, name, "upload"), versions.values())
    if done is None or not done.count:
        say("Nothing to do.")
    else:
        say(sent_text(done))
