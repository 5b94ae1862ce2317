"""`git theta lineage show`."""

from __future__ import annotations

from collections.abc import Mapping

import click

from git_theta.cli.lineage.names import node_name
from git_theta.cli.render import print_json
from git_theta.errors import UsageError
from git_theta.git.lineage.model_versions import versions_of_models
from git_theta.git.lineage.read_graph import graph_of
from git_theta.git.lineage.shares import equal_shares
from git_theta.git.lineage.stored_bytes import own_bytes
from git_theta.git.lineage.tree import LineageTree
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.repository import Repository
from git_theta.lineage.graph import Graph, VersionNode
from git_theta.lineage.views.as_json import graph_json
from git_theta.lineage.views.drawings import dot_lines, mermaid_lines
from git_theta.lineage.views.tree import tree_lines
from git_theta.report.html.render import jinja2_module
from git_theta.report.text import human_size, plural, printable, share_text
from git_theta.runtime.output import say, warn

#: Models without derivations that are named.
_SHOWN = 20


@click.command("show", short_help="Show the graph, or the models around one.")
@click.argument("model", required=False)
@click.option("--rev", metavar="REV", help="The graph of a revision; by default, that of the index.")
@click.option("--ancestors", is_flag=True, help="Only the model, and what it was made from.")
@click.option("--descendants", is_flag=True, help="Only the model, and what was made from it.")
@click.option("--versions", is_flag=True, help="Show each model's versions in history, too.")
@click.option("--dot", "form", flag_value="dot", help="Print the graph for Graphviz.")
@click.option("--mermaid", "form", flag_value="mermaid", help="Print the graph for Mermaid.")
@click.option("--json", "form", flag_value="json", help="Print JSON.")
@click.option(
    "--html", metavar="FILE", help="Write a page of HTML: the graph to explore, and facts about models."
)
def command(
    model: str | None,
    rev: str | None,
    ancestors: bool,
    descendants: bool,
    versions: bool,
    form: str | None,
    html: str | None,
) -> None:
    """Show which model came from which, as a tree.

    Each line has a model, the kind of derivation, the share of its bytes in parameters that are equal in the
    parent, its size, and the bytes that are stored for it and for no parent of it. Records are read in the
    work tree; with --rev, in that revision.
    """
    if (ancestors or descendants) and model is None:
        raise UsageError("of which model?", "git theta lineage show MODEL --ancestors")
    if html is not None and form:
        raise UsageError(f"--html and --{form} are different outputs", "leave one of them out")
    if html is not None:
        # Report a missing library before models are read: that may take long.
        jinja2_module()
    with LineageTree(Repository(Git()), rev) as tree:
        graph = whole = graph_of(tree)
        start = None if model is None else node_name(tree, graph, model)
        if start is not None:
            graph = _around(graph, start, ancestors=ancestors, descendants=descendants)
        shares, stored = equal_shares(tree, graph), own_bytes(tree, whole, graph.models)
        is_told = versions or html is not None
        history = versions_of_models(tree.repository, graph.models, rev or "HEAD") if is_told else {}
        if html is not None:
            from git_theta.cli.lineage.show_page import write_page

            write_page(tree, graph, shares, history, _title(rev, start), html)
        elif form == "json":
            print_json(graph_json(graph, shares, history, stored))
        elif form:
            say(*(dot_lines if form == "dot" else mermaid_lines)(graph))
        else:
            upwards = ancestors and not descendants
            _print_tree(graph, shares, stored, history, start if upwards else None)
    for node in graph.models.values():
        warn(*(f"{printable(node.path)}: {printable(problem)}" for problem in node.problems))


def _title(rev: str | None, model: str | None) -> str:
    words = ["Lineage", *(["of", model] if model else []), *(["at", rev] if rev else [])]
    return " ".join(words)


def _around(graph: Graph, start: str, *, ancestors: bool, descendants: bool) -> Graph:
    """The part of the graph above or below a model; both if neither is asked for."""
    both = ancestors == descendants
    above = graph.ancestors(start) if ancestors or both else []
    below = graph.descendants(start) if descendants or both else []
    return graph.restricted([start, *above, *below])


def _print_tree(
    graph: Graph,
    shares: Mapping[tuple[str, str], float],
    stored: Mapping[str, int],
    history: Mapping[str, tuple[VersionNode, ...]],
    upwards_from: str | None,
) -> None:
    edges = {(edge.child, edge.parent): edge for edge in graph.derivations}

    def label(name: str, above: str | None) -> str:
        node, facts = graph.models[name], []
        edge = above and (edges.get((name, above)) or edges.get((above, name)))
        if edge:
            facts.append(
                printable(edge.relation) + ("" if edge.source == "recorded" else f" ({edge.source})")
            )
            share = shares.get((edge.child, edge.parent))
            if share is not None:
                facts.append(f"{share_text(share)} equal")
            if edge.is_current is False:
                facts.append("of an earlier version of the parent")
        if node.size:
            own = f" ({human_size(stored[name])} stored)" if name in stored else ""
            facts.append(human_size(node.size) + own)
        if history.get(name):
            facts.append(plural(len(history[name]), "version"))
        return f"{printable(name)}  {', '.join(facts)}".rstrip()

    if upwards_from is not None:
        say(*tree_lines(graph, [upwards_from], label, upwards=True))
        return
    alone = [name for name in graph.models if not graph.parents(name) and not graph.children(name)]
    starts = [name for name in graph.roots() if graph.children(name)]
    circle = {name for cycle in graph.cycles() for name in cycle}
    say(*tree_lines(graph, [*starts, *sorted(circle)], label))
    if len(graph.models) == len(alone) == 1:
        say(*(label(name, None) for name in alone))
    elif alone:
        more = f" and {len(alone) - _SHOWN:,} more" if len(alone) > _SHOWN else ""
        listed = ", ".join(map(printable, sorted(alone)[:_SHOWN]))
        say(f"nothing is known of the origin of {plural(len(alone), 'model')}: {listed}{more}")
    _print_versions(history)


def _print_versions(history: Mapping[str, tuple[VersionNode, ...]]) -> None:
    for name, versions in history.items():
        if versions:
            say("", printable(name))
            for version in versions:
                digest, subject = version.model[7:19], printable(version.subject)
                say(f"  {version.commit[:10]} {version.date[:10]}  {digest}  {subject}")
