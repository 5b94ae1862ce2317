"""MoTHer, implemented after its description, to compare with.

Horwitz, Shul and Hoshen, "Unsupervised Model Tree Heritage Recovery", ICLR 2025. Models are clustered by the
distances of their weights. In each cluster, a minimum directed spanning tree is found over a matrix that has
the distance of each pair, and a penalty for edges that point against the order of the models' kurtosis:
weights get more outliers while a model is trained to generalise, and fewer while it's specialised.

Two things that its user has to know are given here so that they favour it: the number of clusters, and of
both directions of the kurtosis the better one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import networkx as nx
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from numpy.typing import NDArray

    Arrays = Mapping[str, NDArray[Any]]
    Edge = tuple[str, str]

#: The penalty of an edge against the order of kurtosis, as a share of the mean distance.
_PENALTY = 0.3

#: The distance of models that have no matrix in common, in deviations; strangers are at 1.4.
_UNLIKE = 10.0


def mother(models: Mapping[str, Arrays], clusters: int, sign: int) -> list[Edge]:
    """Pairs of child and parent.

    Args:
        models: Name → matrices of each model, float.
        clusters: The number of clusters.
        sign: 1 if the kurtosis of a child is larger, -1 if it's smaller.
    """
    names = list(models)
    distances = _distances([models[name] for name in names])
    scores = np.array([_kurtosis(models[name]) for name in names])
    edges = []
    for cluster in _clusters(distances, clusters):
        edges += _tree(cluster, distances, sign * scores)
    return [(names[child], names[parent]) for child, parent in edges]


def _distances(models: Sequence[Arrays]) -> NDArray[np.float64]:
    """Euclidean distances, the mean over the layers that two models have in common."""
    found = np.zeros((len(models), len(models)))
    for one, mine in enumerate(models):
        for other in range(one):
            theirs = models[other]
            common = [name for name in mine if name in theirs and mine[name].shape == theirs[name].shape]
            steps = [np.sqrt(((mine[name] - theirs[name]) ** 2).mean()) / mine[name].std() for name in common]
            found[one, other] = found[other, one] = np.mean(steps) if steps else _UNLIKE
    return found


def _kurtosis(model: Arrays) -> float:
    """The sum over the layers."""
    total = 0.0
    for array in model.values():
        steps = array - array.mean()
        total += float((steps**4).mean() / (steps**2).mean() ** 2)
    return total


def _clusters(distances: NDArray[np.float64], count: int) -> list[list[int]]:
    """Single linkage: the minimum spanning tree without its longest edges."""
    graph = nx.from_numpy_array(distances + 1e-12)
    tree = nx.minimum_spanning_tree(graph)
    longest = sorted(tree.edges(data="weight"), key=lambda edge: edge[2], reverse=True)[: count - 1]
    tree.remove_edges_from((one, other) for one, other, _ in longest)
    return [sorted(cluster) for cluster in nx.connected_components(tree)]


def _tree(
    cluster: Sequence[int], distances: NDArray[np.float64], scores: NDArray[np.float64]
) -> list[tuple[int, int]]:
    """Pairs of child and parent in a cluster."""
    if len(cluster) < 2:
        return []
    penalty = _PENALTY * float(distances[np.ix_(cluster, cluster)].mean())
    graph = nx.DiGraph()
    for parent in cluster:
        for child in cluster:
            if parent != child:
                against = scores[child] < scores[parent]
                graph.add_edge(parent, child, weight=distances[parent, child] + penalty * against)
    return [(child, parent) for parent, child in nx.minimum_spanning_arborescence(graph).edges]
