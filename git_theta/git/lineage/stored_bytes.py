"""Bytes that are stored for a model and for no parent of it: by manifests, without reading values."""

from __future__ import annotations

from collections.abc import Iterable

from git_theta.errors import ThetaError
from git_theta.git.lineage.tree import LineageTree
from git_theta.lineage.graph import Graph
from git_theta.model.manifest import Manifest, ObjectRef
from git_theta.model.sizes import known_bytes


def own_bytes(tree: LineageTree, graph: Graph, names: Iterable[str]) -> dict[str, int]:
    """Name of a model → bytes of the payloads that it needs and none of its parents does.

    Models that aren't in the version or can't be read are left out, and so are those with an object whose
    size isn't known.

    Args:
        tree: The version.
        graph: Its graph, with the parents of all models.
        names: Names of models of the graph.
    """
    found = {}
    for name in names:
        if name not in tree.models:
            continue
        blobs = tree.blobs_of(name)
        parents = [tree.blobs_of(parent) for parent in graph.parents(name) if parent in tree.models]
        size = tree.cache.own_bytes(blobs, parents)
        if size is None:
            try:
                known = {ref for parent in parents for ref in _payloads(tree.manifests_of(parent))}
                payloads = _payloads(tree.manifests_of(blobs)) - known
            except ThetaError:
                continue
            size = known_bytes(payloads, tree.repository.store.size)
            if size is None:
                continue
            tree.cache.remember_own_bytes(blobs, parents, size)
        found[name] = size
    return found


def _payloads(manifests: Iterable[Manifest]) -> set[ObjectRef]:
    return {
        ref for manifest in manifests for entry in manifest.all_entries() for ref in entry.source.payloads()
    }
