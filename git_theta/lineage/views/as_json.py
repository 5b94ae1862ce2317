"""A lineage graph as JSON, for scripts. The keys are stable; new ones may come."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from git_theta.lineage.graph import Derivation, Graph, ModelNode, VersionNode

#: Child and parent → the share of the child's bytes that the parent has, too.
Shares = Mapping[tuple[str, str], float]


def graph_json(
    graph: Graph,
    shares: Shares,
    versions: Mapping[str, tuple[VersionNode, ...]],
    stored: Mapping[str, int] | None = None,
) -> dict[str, Any]:
    """A graph as dictionaries and lists.

    Args:
        graph: The graph.
        shares: Shares of equal bytes by edge; those of other edges are null.
        versions: Versions by model; empty to leave them out.
        stored: Bytes that are stored for a model and for none of its parents; those of others are null.
    """
    return {
        "models": [
            {
                **_model(node),
                "stored": (stored or {}).get(name),
                **({"versions": list(map(version_json, versions[name]))} if name in versions else {}),
            }
            for name, node in graph.models.items()
        ],
        "edges": [edge_json(edge, shares.get((edge.child, edge.parent))) for edge in graph.derivations],
    }


def edge_json(edge: Derivation, share: float | None = None) -> dict[str, Any]:
    """An edge as a dictionary."""
    return {
        "child": edge.child,
        "parent": edge.parent,
        "relation": edge.relation,
        "source": edge.source,
        "why": edge.why or None,
        "parent_model": edge.parent_model or None,
        "current": edge.is_current,
        "frozen": list(edge.frozen),
        "shared": share,
    }


def version_json(version: VersionNode) -> dict[str, Any]:
    """A version as a dictionary."""
    return {
        "commit": version.commit,
        "model": version.model or None,
        "path": version.path,
        "subject": version.subject,
        "date": version.date,
    }


def _model(node: ModelNode) -> dict[str, Any]:
    return {
        "path": node.path,
        "model": node.model or None,
        "format": node.format or None,
        "parameters": node.parameters,
        "size": node.size,
        "files": list(node.files),
        "external": node.is_external,
        "problems": list(node.problems),
    }
