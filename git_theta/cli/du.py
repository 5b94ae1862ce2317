"""`git theta du`."""

from __future__ import annotations

from dataclasses import asdict

import click

from git_theta.cli.render import print_json, print_table, ratio
from git_theta.git.maintenance.du import usage
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.repository import Repository
from git_theta.report.text import human_size, printable
from git_theta.runtime.output import say

_EPILOG = """\b
Examples:
  git theta du
  git theta du main
"""


@click.command("du", epilog=_EPILOG, short_help="Show what this repository's objects cost.")
@click.argument("revs", nargs=-1)
@click.option("--files", "by_file", is_flag=True, help="Show every file, also shards of a model.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(revs: tuple[str, ...], by_file: bool, as_json: bool) -> None:
    """Show how much models take: by model, and by the commit that added each version.

    A payload that several versions share counts for the first one. The shards of a model are one line, under
    the path that the model would have as one file.
    """
    found = usage(Repository(Git()), revs, by_file=by_file)
    if as_json:
        print_json(asdict(found))
        return
    print_table(
        ("file", ">versions", ">size", ">stored", ">ratio"),
        (
            (
                printable(c.name),
                f"{c.versions:,}",
                human_size(c.size),
                human_size(c.stored),
                ratio(c.stored, c.size),
            )
            for c in found.files
        ),
    )
    say("")
    print_table(
        ("revision", "subject", ">versions", ">size", ">stored", ">ratio"),
        (
            (
                c.name[:10] or "index",
                printable(c.subject[:50]).replace("%25", "%"),
                f"{c.versions:,}",
                human_size(c.size),
                human_size(c.stored),
                ratio(c.stored, c.size),
            )
            for c in found.revisions
        ),
    )
    say(
        "",
        f"All versions: {human_size(found.size)}, stored {human_size(found.stored)}, "
        f"ratio {ratio(found.stored, found.size)}",
    )
    if found.borrowed:
        say(
            f"Only in another repository on this machine: {human_size(found.borrowed)}; "
            "to keep it here: git theta fetch --all"
        )
    if found.alternatives:
        say(f"Only for alternative sources: {human_size(found.alternatives)}")
    if found.replaced:
        say(f"Replaced by alternative sources: {human_size(found.replaced)}; to delete them: git theta prune")
    if found.unreferenced:
        say(f"Objects that no version names: {human_size(found.unreferenced)}")
