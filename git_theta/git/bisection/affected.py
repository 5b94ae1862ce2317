"""Models that were made from bad versions of a model, directly or not."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection

from git_theta.git.lineage.read_graph import graph_of
from git_theta.git.lineage.tree import LineageTree


def affected_models(tree: LineageTree, model: str, spared: Collection[str]) -> list[str]:
    """The descendants of a model's bad versions, the nearest first.

    Args:
        tree: The version whose lineage counts.
        model: The model's name in it.
        spared: Digests of versions of the model that are good. A child whose record says that it was made
            from one of these isn't affected, unless it has another parent that is.
    """
    graph = graph_of(tree)
    found: dict[str, None] = {}
    waiting = deque([model] if model in graph.models else [])
    while waiting:
        name = waiting.popleft()
        for edge in graph.derivations_from(name):
            is_spared = name == model and edge.parent_model in spared
            if not is_spared and edge.child not in found and edge.child != model:
                found[edge.child] = None
                waiting.append(edge.child)
    return list(found)
