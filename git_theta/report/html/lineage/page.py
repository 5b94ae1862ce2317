"""The page of a lineage graph, from the graph and what's known of its models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from git_theta.lineage.graph import Graph, ModelNode, VersionNode
from git_theta.lineage.record import LineageRecord
from git_theta.report.html.cell_text import name_text
from git_theta.report.html.lineage.colours import (
    LEVELS,
    divergence_scale,
    nearest_shares,
    relation_colours,
    size_scale,
)
from git_theta.report.html.lineage.content import ModelContent
from git_theta.report.html.lineage.data import Metrics, lineage_data
from git_theta.report.html.lineage.labels import relation_text
from git_theta.report.html.lineage.picture import picture
from git_theta.report.html.render import render
from git_theta.report.text import human_size, plural, printable
from git_theta.version import __version__

_STYLES = ("style.css", "lineage.css")
_SCRIPTS = ("script.js", "graph.js", "camera.js", "versions.js", "panel.js", "lineage.js")

#: Parents of a model in the list.
_MAX_PARENTS = 5


@dataclass(frozen=True, slots=True)
class _Parent:
    """A parent in the list: its number and name, the relation, and the share of equal bytes."""

    number: int
    name: str
    relation: str


@dataclass(frozen=True, slots=True)
class _ListedModel:
    """A row of the list."""

    number: int
    name: str
    parents: tuple[_Parent, ...]
    more_parents: int
    equal: float | None
    size: int
    parameters: int
    versions: int
    format: str
    note: str


def lineage_page(
    graph: Graph,
    *,
    title: str = "Lineage",
    shares: Mapping[tuple[str, str], float] | None = None,
    versions: Mapping[str, tuple[VersionNode, ...]] | None = None,
    records: Mapping[str, LineageRecord] | None = None,
    contents: Mapping[str, ModelContent] | None = None,
    metrics: Mapping[str, Metrics] | None = None,
) -> str:
    """A page of HTML that shows a lineage graph. The same arguments give the same page.

    The page refers to nothing outside of itself, and a browser is told to load nothing and to run no script
    but its own. Without scripts, it's a picture and a list.

    Args:
        graph: The graph.
        title: Title of the page, as text.
        shares: Child and parent → the share of the child's bytes that the parent has, too.
        versions: Name of a model → its versions, the newest first.
        records: Name of a model → its record.
        contents: Name of a model → its content.
        metrics: Name of a model → its results through history, drawn as a chart a test.

    Raises:
        UsageError: Jinja2 isn't installed.
    """
    shares, versions = shares or {}, versions or {}
    relations = relation_colours(graph.derivations)
    colours = {relation.name: relation.colour for relation in relations}
    counts = {name: len(history) for name, history in versions.items()}
    data = lineage_data(
        graph,
        shares=shares,
        versions=versions,
        records=records or {},
        contents=contents or {},
        metrics=metrics or {},
    )
    return render(
        "lineage.html",
        styles=_STYLES,
        scripts=_SCRIPTS,
        title=printable(title),
        version=__version__,
        summary=", ".join(_summary(graph)),
        picture=picture(graph, shares, counts, colours),
        relations=relations,
        scales=(
            ("size", "size", size_scale(graph)),
            ("divergence", "differs from its parent", divergence_scale(shares)),
        ),
        levels=range(LEVELS),
        rows=tuple(_rows(graph, shares, counts)),
        data=data,
    )


def _summary(graph: Graph) -> Iterator[str]:
    yield plural(len(graph.models), "model")
    yield plural(len(graph.derivations), "derivation")
    here = [node for node in graph.models.values() if not node.is_external]
    yield human_size(sum(node.size for node in here))
    if len(here) < len(graph.models):
        yield f"{len(graph.models) - len(here):,} elsewhere"


def _rows(
    graph: Graph, shares: Mapping[tuple[str, str], float], versions: Mapping[str, int]
) -> Iterator[_ListedModel]:
    numbers = {name: number for number, name in enumerate(graph.models)}
    equal = nearest_shares(shares)
    for name, node in graph.models.items():
        edges = graph.derivations_of(name)
        yield _ListedModel(
            numbers[name],
            name_text(name),
            tuple(
                _Parent(numbers[edge.parent], name_text(edge.parent), relation_text(edge.relation))
                for edge in edges[:_MAX_PARENTS]
            ),
            max(0, len(edges) - _MAX_PARENTS),
            equal.get(name),
            node.size,
            node.parameters,
            versions.get(name, 0),
            printable(node.format),
            _note(node),
        )


def _note(node: ModelNode) -> str:
    if node.is_external:
        return "elsewhere"
    return "; ".join(map(printable, node.problems))
