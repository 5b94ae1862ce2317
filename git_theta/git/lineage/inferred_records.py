"""Records of inferred derivations, for models whose parents nobody has named."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from git_theta.errors import ThetaError
from git_theta.git.lineage.edit_record import add_parents
from git_theta.git.lineage.read_graph import INFERRED, graph_of, records_of_models
from git_theta.git.lineage.tree import LineageTree
from git_theta.lineage.graph import Derivation
from git_theta.lineage.inference.inferred_edge import InferredEdge
from git_theta.lineage.record import RecordedParent


def write_inferred(tree: LineageTree, edges: Iterable[InferredEdge], warn: Callable[[str], object]) -> int:
    """Record inferred derivations; the number of records that were written.

    Records that somebody has made are left alone. Edges without a direction are left out.

    Args:
        tree: The index.
        edges: The edges.
        warn: Is told of each model whose record can't be written, and why.
    """
    by_child: dict[str, list[InferredEdge]] = {}
    for edge in edges:
        if edge.is_directed:
            by_child.setdefault(edge.child, []).append(edge)
    graph, records = graph_of(tree), records_of_models(tree)
    written = 0
    for child, found in sorted(by_child.items()):
        record = records[child].record if child in records else None
        if record is not None and not record.is_inferred:
            continue
        parents = [RecordedParent(edge.parent, "", tree.facts(edge.parent).model) for edge in found]
        why = "; ".join(f"{edge.parent}: {', '.join(edge.evidence)}" for edge in found)
        try:
            add_parents(tree, child, parents, found[0].relation, why, inferred=True, graph=graph)
        except ThetaError as error:
            warn(f"{child}: {error.message}")
            continue
        written += 1
        # The graph is read once, not once a record.
        others = [edge for edge in graph.derivations if (edge.child, edge.source) != (child, INFERRED)]
        new = [Derivation(child, edge.parent, edge.relation, INFERRED) for edge in found]
        graph = replace(graph, derivations=(*others, *new))
    return written
