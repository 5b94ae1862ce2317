"""GraphML: the graph for programs that analyse or draw graphs, such as Gephi, yEd and networkx."""

from __future__ import annotations

from typing import Any

from git_theta.lineage.exports.library import required_library
from git_theta.lineage.exports.lineage_document import (
    ExportedModel,
    ExportedParent,
    LineageDocument,
    joined,
)


def graphml_bytes(document: LineageDocument) -> bytes:
    """The models and their derivations: edges lead from parents to children.

    Raises:
        UsageError: networkx isn't installed.
    """
    networkx: Any = required_library("networkx", "networkx")
    graph = networkx.DiGraph(commit=document.commit)
    for model in document.models:
        graph.add_node(model.node.path, **_with_values(_node(model)))
    for model in document.models:
        for parent in model.parents:
            graph.add_edge(parent.derivation.parent, model.node.path, **_with_values(_edge(parent)))
    return ("\n".join(networkx.generate_graphml(graph)) + "\n").encode()


def _node(model: ExportedModel) -> dict[str, str | int]:
    node = model.node
    return {
        "model": node.model,
        "format": node.format,
        "parameters": node.parameters,
        "size": node.size,
        "files": "\n".join(file.path for file in model.files) or "\n".join(node.files),
        "sha256": "\n".join(file.sha256 for file in model.files),
        # Truth values are written as `True` by the library, and GraphML has `true`.
        "external": "true" if node.is_external else "",
        "verified": joined(model.verified),
        "stated": joined(model.stated),
        "remarks": "\n".join(model.remarks),
    }


def _edge(parent: ExportedParent) -> dict[str, str | int]:
    edge = parent.derivation
    return {
        "relation": edge.relation,
        "source": edge.source,
        "why": edge.why,
        "parent_model": edge.parent_model,
        "frozen": "\n".join(edge.frozen),
        "verified": joined(parent.verified),
        "stated": joined(parent.stated),
        "remarks": "\n".join(parent.unknown),
    }


def _with_values(fields: dict[str, str | int]) -> dict[str, str | int]:
    return {key: value for key, value in fields.items() if value not in ("", 0)}
