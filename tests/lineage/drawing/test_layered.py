"""Rectangles in layers, and the edges between them."""

from __future__ import annotations

from git_theta.lineage.drawing.layered import layered


def test_long_edges_pass_between_rectangles() -> None:
    sizes = [(200.0, 44.0)] * 4
    found = layered(sizes, [(0, 1), (1, 2), (2, 3), (0, 3)])
    assert found.lefts == sorted(found.lefts)
    assert list(found.stretches) == [(0, 3)]
    for (left, right, height), node in zip(found.stretches[0, 3], (1, 2), strict=True):
        assert (left, right) == (found.lefts[node], found.lefts[node] + 200)
        assert abs(height - found.middles[node]) >= 22


def test_edges_of_a_node_run_together() -> None:
    sizes = [(200.0, 44.0)] * 5
    found = layered(sizes, [(0, 1), (1, 2), (2, 3), (2, 4), (0, 3), (0, 4)])
    assert found.stretches[0, 3] == found.stretches[0, 4]


def test_chains_continue_in_the_next_band() -> None:
    found = layered([(200.0, 44.0)] * 20, [(node, node + 1) for node in range(19)])
    assert found.width < 3000
    assert len(found.stretches) == 3
    for (start, end), ((left, right, height),) in found.stretches.items():
        assert found.lefts[end] < found.lefts[start]
        assert found.middles[start] + 22 < height < found.middles[end] - 22
        # Back to the left, from one end to the other.
        assert (left, right) == (found.lefts[start] + 200, found.lefts[end])


def test_a_circle_has_an_edge_that_leads_back() -> None:
    found = layered([(200.0, 44.0)] * 2, [(0, 1), (1, 0)])
    assert found.lefts[0] != found.lefts[1]
    assert not found.stretches
