"""Pictures of whole graphs."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_theta.lineage.drawing.boxes import MODEL_HEIGHT
from git_theta.lineage.drawing.drawing import draw
from git_theta.lineage.drawing.picture import Drawing
from git_theta.lineage.graph import Graph
from tests.helpers.lineage_graphs import lineage, many_models

WIDTH = 200


def places(found: Drawing) -> dict[str, tuple[float, float]]:
    return {
        model.name: (family.x + model.x, family.y + model.y)
        for family in found.families
        for model in family.models
    }


def check(graph: Graph) -> Drawing:
    """A picture in which every model is there once, no two overlap, and all is inside."""
    found = draw(graph, WIDTH)
    at = places(found)
    assert sorted(at) == sorted(graph.models)
    assert sum(len(family.models) for family in found.families) == len(graph.models)
    for (x, y), (x2, y2) in combinations(at.values(), 2):
        assert abs(x - x2) >= WIDTH or abs(y - y2) >= MODEL_HEIGHT
    assert all(
        0 <= x <= found.width - WIDTH + 0.1 and 0 <= y <= found.height - MODEL_HEIGHT + 0.1
        for x, y in at.values()
    )
    return found


@pytest.mark.parametrize("count", [0, 1, 20, 150])
def test_no_models_overlap(count: int) -> None:
    found = check(many_models(count))
    assert found == draw(many_models(count), WIDTH)


@given(
    st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from("abcdefgh")), max_size=14, unique=True)
)
def test_any_graph_is_drawn(edges: list[tuple[str, str]]) -> None:
    found = check(lineage(*edges, alone=tuple("abcdefgh")))
    drawn = sum(len(family.edges) for family in found.families)
    assert drawn <= sum(parent != child for parent, child in edges)


def test_families_are_apart_and_named_after_their_origin() -> None:
    found = check(lineage(("a", "b"), ("b", "c"), ("z", "c"), ("x", "y"), alone=("1", "2", "3")))
    assert [family.root for family in found.families] == ["a", "", "x"]
    at = places(found)
    assert at["a"][0] < at["b"][0] < at["c"][0]


def test_edges_begin_and_end_at_their_boxes() -> None:
    found = draw(lineage(("a", "b")), WIDTH).families[0]
    (edge,) = found.edges
    parent, child = found.models
    assert edge.start == (parent.x + WIDTH, parent.y + MODEL_HEIGHT / 2)
    assert edge.end == (child.x, child.y + MODEL_HEIGHT / 2)
    group = draw(lineage(*[("a", name) for name in "bcd"]), WIDTH).families[0]
    (edge,), (box,) = group.edges, group.groups
    assert edge.end == (box.x, box.y + box.height / 2)
    assert (edge.child, box.box) == ("b", "b")
