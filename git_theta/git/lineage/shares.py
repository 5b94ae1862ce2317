"""How much of a model its parent has, too: by the digests of parameters, without reading values."""

from __future__ import annotations

from git_theta.errors import ThetaError
from git_theta.git.lineage.tree import LineageTree
from git_theta.lineage.graph import Graph
from git_theta.model.manifest import Entry, Manifest


def equal_shares(tree: LineageTree, graph: Graph) -> dict[tuple[str, str], float]:
    """Child and parent → the share of the child's bytes in parameters that the parent has as well.

    Edges of which one end isn't in the version, or can't be read, are left out. A parameter counts whatever
    its name in the parent is.
    """
    found = {}
    for edge in graph.derivations:
        if edge.child in tree.models and edge.parent in tree.models:
            child, parent = tree.blobs_of(edge.child), tree.blobs_of(edge.parent)
            share = tree.cache.share(child, parent)
            if share is None:
                try:
                    share = _share(tree.manifests_of(child), tree.manifests_of(parent))
                except ThetaError:
                    continue
                tree.cache.remember_share(child, parent, share)
            found[edge.child, edge.parent] = share
    return found


def _share(child: tuple[Manifest, ...], parent: tuple[Manifest, ...]) -> float:
    known = {_content(entry) for manifest in parent for entry in manifest.entries}
    total = equal = 0
    for manifest in child:
        for entry in manifest.entries:
            total += entry.spec.nbytes
            equal += entry.spec.nbytes if _content(entry) in known else 0
    return equal / total if total else 0.0


def _content(entry: Entry) -> object:
    return entry.digest, entry.spec.dtype, entry.spec.count
