"""Boxes of one model, or of models with the same relatives."""

from __future__ import annotations

from dataclasses import replace

from git_theta.lineage.drawing.boxes import Box, boxes_of, natural_key
from git_theta.lineage.graph import Graph
from tests.helpers.lineage_graphs import lineage


def names(graph: Graph) -> list[tuple[str, ...]]:
    return [box.models for box in boxes_of(graph, 200)]


def test_models_with_the_same_parents_and_children_are_a_group() -> None:
    edges = [("a", name) for name in ("m10", "m2", "m1")]
    assert names(lineage(*edges)) == [("a",), ("m1", "m2", "m10")]
    edges.append(("m1", "x"))
    assert names(lineage(*edges)) == [("a",), ("m10",), ("m2",), ("m1",), ("x",)]
    assert names(lineage(*edges, ("m2", "x"), ("m10", "x"))) == [("a",), ("m1", "m2", "m10"), ("x",)]


def test_groups_have_one_relation() -> None:
    graph = lineage(*[("a", name) for name in "bcdefg"])
    mixed = [replace(edge, relation="merge" if edge.child in "bcd" else "x") for edge in graph.derivations]
    mixed[-1] = replace(mixed[-1], source="inferred")
    assert names(Graph(graph.models, tuple(mixed))) == [("a",), ("b", "c", "d"), ("e",), ("f",), ("g",)]


def test_models_alone_are_a_group() -> None:
    assert names(lineage(alone=("a", "b", "c"))) == [("a", "b", "c")]


def test_large_groups_have_columns() -> None:
    one = Box(("a",), 1, 200)
    assert (one.width, one.height, one.places()) == (200, 44, [("a", 0, 0)])
    many = boxes_of(lineage(*[("a", f"m{number}") for number in range(100)]), 200)[1]
    assert many.columns == 5
    places = many.places()
    assert len({place[1:] for place in places}) == 100
    assert max(x for _, x, _ in places) + 200 < many.width
    assert max(y for _, _, y in places) + 44 < many.height


def test_numbers_in_names_count_as_numbers() -> None:
    assert sorted(["m10", "m2", "a", "m2b"], key=natural_key) == ["a", "m2", "m2b", "m10"]
    assert natural_key("1" * 50) < natural_key("a")
