"""`git theta untrack`."""

from __future__ import annotations

from pathlib import Path

import click

from git_theta.errors import UsageError
from git_theta.git.plumbing.command import Git
from git_theta.git.repository import gitattributes
from git_theta.git.repository.repository import Repository
from git_theta.runtime.output import say


@click.command("untrack", short_help="Stop tracking a pattern.")
@click.argument("patterns", nargs=-1, required=True)
def command(patterns: tuple[str, ...]) -> None:
    """Remove patterns from the .gitattributes of the current folder.

    Files stay as they are in the work tree. `git add --renormalize .` then stores them whole.
    """
    _ = Repository(Git()).common_dir
    path = Path(".gitattributes")
    text, removed = gitattributes.untrack(gitattributes.read(path), patterns)
    missing = [pattern for pattern in patterns if pattern not in removed]
    if missing:
        raise UsageError(
            f"{', '.join(missing)}: not tracked by the .gitattributes of this folder",
            "`git theta track` lists tracked patterns and their files",
        )
    gitattributes.write(path, gitattributes.untrack_indexes(text, removed))
    for pattern in removed:
        say(f"No longer tracking {pattern}")
    say("To store such files whole from now on: git add --renormalize . && git commit")
