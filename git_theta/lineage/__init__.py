"""Lineage: which model came from which.

Nothing here knows of Git: `git_theta.git.lineage` reads and writes.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from git_theta.lineage.graph import Derivation, Graph, LineageError, ModelNode, VersionNode

__all__ = ["Derivation", "Graph", "LineageError", "ModelNode", "VersionNode"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from git_theta.lineage import graph

        return getattr(graph, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
