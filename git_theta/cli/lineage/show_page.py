"""The page of `git theta lineage show --html`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

from git_theta.errors import ThetaError
from git_theta.git.evaluation.recorded_history import metrics_of_versions, recorded_history
from git_theta.git.history.revisions import resolve_commit
from git_theta.git.lineage.read_graph import records_of_models
from git_theta.git.lineage.tree import LineageTree
from git_theta.lineage.graph import Graph, VersionNode
from git_theta.model.manifest import Manifest
from git_theta.report.html.lineage.content import ModelContent, Structures, model_content

#: Models whose manifests are kept while their children are read.
_KEPT = 64


def write_page(
    tree: LineageTree,
    graph: Graph,
    shares: Mapping[tuple[str, str], float],
    versions: Mapping[str, tuple[VersionNode, ...]],
    title: str,
    path: str,
) -> None:
    """Write a graph as a page of HTML.

    Args:
        tree: The version that the graph is of.
        graph: The graph, or a part of it.
        shares: Child and parent → the share of the child's bytes that the parent has, too.
        versions: Name of a model → its versions, the newest first.
        title: Title of the page.
        path: The file to write.

    Raises:
        UsageError: Jinja2 isn't installed, or the file can't be written.
    """
    from git_theta.report.html.lineage.page import lineage_page
    from git_theta.report.write_report import write_report

    page = lineage_page(
        graph,
        title=title,
        shares=shares,
        versions=versions,
        records={name: file.record for name, file in records_of_models(tree).items() if file.record},
        contents=_contents(tree, graph),
        metrics=_metrics(tree, versions),
    )
    write_report(page, path)


def _metrics(
    tree: LineageTree, versions: Mapping[str, tuple[VersionNode, ...]]
) -> Mapping[str, Mapping[str, Sequence[tuple[str, float]]]]:
    """Name of a model → its recorded results by test, the oldest first; none before the first commit."""
    if not any(versions.values()):
        return {}
    commit = resolve_commit(tree.repository.git, tree.rev or "HEAD")
    return metrics_of_versions(versions, recorded_history(tree.repository, commit))


def _contents(tree: LineageTree, graph: Graph) -> dict[str, ModelContent]:
    """Name of a model → its content, for models that can be read."""
    structures = Structures()
    size_of = lru_cache(maxsize=None)(tree.repository.store.size)

    @lru_cache(maxsize=_KEPT)
    def manifests(name: str) -> tuple[Manifest, ...]:
        try:
            return tree.manifests(name)
        except ThetaError:
            return ()

    found = {}
    for name in graph.models:
        if name in tree.models and manifests(name):
            parents = [manifests(parent) for parent in graph.parents(name) if parent in tree.models]
            found[name] = model_content(manifests(name), parents, structures, size_of)
    return found
