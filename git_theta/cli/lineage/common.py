"""`git theta lineage common`."""

from __future__ import annotations

import click

from git_theta.cli.lineage.names import node_name
from git_theta.cli.render import print_json
from git_theta.errors import ThetaError
from git_theta.git.lineage.read_graph import graph_of
from git_theta.git.lineage.tree import LineageTree
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.repository import Repository
from git_theta.report.text import printable
from git_theta.runtime.output import say


@click.command("common", short_help="Show the nearest common ancestors of two models.")
@click.argument("one")
@click.argument("other")
@click.option("--rev", metavar="REV", help="In the graph of a revision.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(one: str, other: str, rev: str | None, as_json: bool) -> None:
    """Show the nearest models from which both models were made; a model counts as its own ancestor.

    The exit code is 1 if there are none.
    """
    with LineageTree(Repository(Git()), rev) as tree:
        graph = graph_of(tree)
        first, last = node_name(tree, graph, one), node_name(tree, graph, other)
        found = graph.common(first, last)
    if as_json:
        print_json({"models": [first, last], "common": found})
    if not found:
        raise ThetaError(f"{first} and {last} have no common ancestor, as far as it's known")
    if not as_json:
        say(*map(printable, found))
