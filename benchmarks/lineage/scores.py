"""How well an inferred lineage agrees with the true one."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from math import comb
from typing import TYPE_CHECKING

import networkx as nx

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping, Sequence

    Edge = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Scores:
    """Agreement of an inferred lineage with the true one.

    Attributes:
        families: The adjusted Rand index of families, which are what edges connect; 1 for the same ones.
        edges: F1 of edges, whatever their directions.
        directions: The share of right directions among those that were told, of edges that are there.
        told: The share of inferred edges whose direction was told.
        abstained: The share of models that have a parent, and that no inferred edge has.
    """

    families: float
    edges: float
    directions: float
    told: float
    abstained: float


def scores(models: Sequence[str], truth: Iterable[Edge], found: Mapping[Edge, bool]) -> Scores:
    """Compare an inferred lineage with the true one.

    Args:
        models: The names of all models.
        truth: Pairs of child and parent.
        found: Inferred pairs of child and parent → whether the direction was told.
    """
    true = set(truth)
    true_pairs, pairs = {frozenset(edge) for edge in true}, {frozenset(edge) for edge in found}
    told = [edge for edge, is_told in found.items() if is_told]
    there = [edge for edge in told if frozenset(edge) in true_pairs]
    children = {child for child, _ in true}
    answered = {model for pair in pairs for model in pair}
    return Scores(
        adjusted_rand_index(families(models, true), families(models, found)),
        2 * len(true_pairs & pairs) / max(1, len(true_pairs) + len(pairs)),
        sum(edge in true for edge in there) / len(there) if there else float("nan"),
        len(told) / len(found) if found else float("nan"),
        len(children - answered) / max(1, len(children)),
    )


def adjusted_rand_index(one: Sequence[Hashable], other: Sequence[Hashable]) -> float:
    """Agreement of two divisions of the same things into groups: 1 if they're the same, about 0 by chance.

    After Hubert and Arabie, "Comparing partitions", 1985.

    Args:
        one: The group of each thing.
        other: The group of each thing in the other division.
    """
    together = sum(comb(count, 2) for count in Counter(zip(one, other, strict=True)).values())
    first, second = (sum(comb(count, 2) for count in Counter(groups).values()) for groups in (one, other))
    by_chance = first * second / comb(len(one), 2)
    most = (first + second) / 2
    return (together - by_chance) / (most - by_chance) if most != by_chance else 1.0


def families(models: Sequence[str], edges: Iterable[Edge]) -> list[int]:
    """The number of each model's family: all that edges connect."""
    graph = nx.Graph()
    graph.add_nodes_from(models)
    graph.add_edges_from(edges)
    number = {model: at for at, family in enumerate(nx.connected_components(graph)) for model in family}
    return [number[model] for model in models]
