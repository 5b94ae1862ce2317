"""Layers of nodes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from git_theta.lineage.drawing.layers import layers_of, without_circles


def test_the_longest_path_counts() -> None:
    assert layers_of(4, [(0, 1), (1, 2), (0, 2), (2, 3)]) == [0, 1, 2, 3]


def test_a_node_without_parents_is_right_before_its_first_child() -> None:
    assert layers_of(5, [(0, 1), (1, 2), (2, 3), (4, 3)]) == [0, 1, 2, 3, 2]


def test_a_node_alone() -> None:
    assert layers_of(1, []) == [0]


def test_circles_are_opened_once() -> None:
    assert without_circles(3, [(0, 1), (1, 2), (2, 0), (1, 1)]) == [(0, 1), (1, 2), (0, 2)]
    # The walk begins at nodes that nothing leads to.
    assert without_circles(3, [(0, 1), (1, 0), (2, 1)]) == [(1, 0), (2, 1)]


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=20, unique=True))
def test_edges_lead_to_the_right(edges: list[tuple[int, int]]) -> None:
    straight = without_circles(8, edges)
    layers = layers_of(8, straight)
    assert all(layers[start] < layers[end] for start, end in straight)
    assert {frozenset(edge) for edge in straight} == {frozenset(edge) for edge in edges if edge[0] != edge[1]}
    assert min(layers) == 0


def test_very_long_chains() -> None:
    edges = [(node, node + 1) for node in range(5000)]
    assert layers_of(5001, without_circles(5001, edges))[-1] == 5000
