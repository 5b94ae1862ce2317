"""Vertical places of nodes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_theta.lineage.drawing.heights import middles, spread

_PLACE = st.floats(-1000, 1000)


def test_nodes_that_have_room_are_where_they_want_to_be() -> None:
    assert spread([0, 10, 30], [5, 5], [1, 1, 1]) == [0, 10, 30]


def test_nodes_that_would_overlap_move_by_their_weights() -> None:
    assert spread([0, 0], [4], [1, 1]) == [-2, 2]
    assert spread([0, 0], [4], [3, 1]) == [-1, 3]


@given(st.lists(st.tuples(_PLACE, st.floats(0, 50), st.floats(0.5, 4)), min_size=1, max_size=12))
def test_distances_are_kept(nodes: list[tuple[float, float, float]]) -> None:
    wanted, distances, weights = zip(*nodes, strict=True)
    found = spread(wanted, distances[:-1], weights)
    for place, following, distance in zip(found, found[1:], distances, strict=False):
        assert following - place >= distance - 1e-6


def test_a_parent_is_in_the_middle_of_its_children() -> None:
    found = middles([[0], [1, 2, 3]], {1: [0], 2: [0], 3: [0]}, {0: [1, 2, 3]}, [10, 10, 10, 10], 5)
    assert [found[node] for node in (1, 2, 3)] == pytest.approx([5, 20, 35])
    assert found[0] == pytest.approx(20)
