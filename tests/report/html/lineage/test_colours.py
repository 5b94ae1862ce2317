"""Colours by relation, size and divergence."""

from __future__ import annotations

from git_theta.lineage.graph import Derivation, Graph, ModelNode
from git_theta.report.html.lineage.colours import (
    divergence_scale,
    nearest_shares,
    relation_colours,
    size_scale,
)
from tests.helpers.lineage_graphs import RELATIONS


def colours(*relations: str) -> dict[str, int]:
    edges = [Derivation("b", "a", relation, "recorded") for relation in relations]
    return {found.name: found.colour for found in relation_colours(edges)}


def test_relations_have_colours_of_their_own() -> None:
    assert colours("x", "finetune", "x") == {"x": 9, "finetune": 3}
    found = colours(*RELATIONS)
    # Eight colours; what comes last shares a grey with all others.
    assert len(set(found.values())) == 9
    assert found["odd"] == 1
    assert colours("derived", "x") == {"derived": 1, "x": 9}


def test_the_most_frequent_come_first() -> None:
    edges = [Derivation("b", "a", relation, "recorded") for relation in ("x", "y", "y")]
    assert [(found.name, found.count) for found in relation_colours(edges)] == [("y", 2), ("x", 1)]


def test_sizes_are_steps_of_equal_ratios() -> None:
    models = {
        name: ModelNode(name, size=size) for name, size in (("a", 1), ("b", 1000), ("c", 10**6), ("d", 0))
    }
    found = size_scale(Graph(models, ()))
    assert (found.low, found.high, found.levels) == ("1 B", "1 MB", {"a": 0, "b": 4, "c": 9})
    assert size_scale(Graph({"a": ModelNode("a", size=5)}, ())).levels == {"a": 0}
    assert size_scale(Graph({}, ())).levels == {}


def test_the_nearest_parent_counts() -> None:
    shares = {("c", "a"): 0.25, ("c", "b"): 0.75, ("d", "a"): 0.0, ("e", "a"): 1.0}
    assert nearest_shares(shares) == {"c": 0.75, "d": 0.0, "e": 1.0}
    assert divergence_scale(shares).levels == {"c": 2, "d": 9, "e": 0}
