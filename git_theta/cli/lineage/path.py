"""`git theta lineage path`."""

from __future__ import annotations

import click

from git_theta.cli.lineage.names import node_name
from git_theta.cli.render import print_json
from git_theta.errors import ThetaError
from git_theta.git.lineage.read_graph import graph_of
from git_theta.git.lineage.tree import LineageTree
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.repository import Repository
from git_theta.lineage.views.as_json import edge_json
from git_theta.report.text import printable
from git_theta.runtime.output import say


@click.command("path", short_help="Show how two models are related.")
@click.argument("one")
@click.argument("other")
@click.option("--rev", metavar="REV", help="In the graph of a revision.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(one: str, other: str, rev: str | None, as_json: bool) -> None:
    """Show the fewest derivations that connect two models, up to an ancestor and down again.

    The exit code is 1 if they aren't related.
    """
    with LineageTree(Repository(Git()), rev) as tree:
        graph = graph_of(tree)
        first, last = node_name(tree, graph, one), node_name(tree, graph, other)
        edges = graph.path(first, last)
    if as_json:
        print_json({"from": first, "to": last, "edges": [edge_json(edge) for edge in edges]})
    if not edges and first != last:
        raise ThetaError(f"{first} and {last} aren't related, as far as it's known")
    if not as_json:
        say(printable(first))
        name = first
        for edge in edges:
            upwards = edge.child == name
            name = edge.parent if upwards else edge.child
            arrow = "from" if upwards else "made into"
            say(f"  {arrow} {printable(name)}  ({printable(edge.relation)})")
