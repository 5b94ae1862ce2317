"""`git theta lineage remove`."""

from __future__ import annotations

import os
from contextlib import suppress

import click

from git_theta.errors import UsageError
from git_theta.git.history.revisions import path_from_top
from git_theta.git.lineage.edit_record import find_name, remove_parents
from git_theta.git.lineage.tree import LineageTree
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.repository import Repository
from git_theta.report.text import printable
from git_theta.runtime.output import say


@click.command("remove", short_help="Take parents out of a model's record.")
@click.argument("child")
@click.option("--from", "parents", multiple=True, metavar="PARENT", help="Only this parent. May be repeated.")
def command(child: str, parents: tuple[str, ...]) -> None:
    """Take parents out of the record of CHILD; without --from, delete the record.

    A record without parents is kept if it says how the model was made.
    """
    git = Git()
    with LineageTree(Repository(git)) as tree:
        path = remove_parents(tree, _name(tree, child), [_name(tree, word) for word in parents])
        done = "written" if os.path.lexists(tree.repository.root / path) else "deleted"
    say(f"{printable(path)}: {done}")


def _name(tree: LineageTree, word: str) -> str:
    """The name of a model; a URI, or the path of a model that isn't here any more, as it is."""
    if ":" in word.partition("/")[0]:
        return word
    path = path_from_top(tree.repository.git, word)
    with suppress(UsageError):
        return find_name(tree, path)
    return path
