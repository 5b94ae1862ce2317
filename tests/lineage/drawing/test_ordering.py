"""The order of nodes within layers."""

from __future__ import annotations

from git_theta.lineage.drawing.ordering import crossings, ordered


def neighbours(edges: list[tuple[int, int]]) -> tuple[dict[int, list[int]], dict[int, list[int]]]:
    before: dict[int, list[int]] = {}
    after: dict[int, list[int]] = {}
    for start, end in edges:
        after.setdefault(start, []).append(end)
        before.setdefault(end, []).append(start)
    return before, after


def test_crossings() -> None:
    _, after = neighbours([(0, 3), (1, 2), (0, 2)])
    assert crossings([[0, 1], [2, 3]], after) == 1
    assert crossings([[1, 0], [2, 3]], after) == 0


def test_trees_have_no_crossings() -> None:
    edges = [(0, 1), (0, 2), (1, 6), (2, 3), (1, 4), (2, 5)]
    before, after = neighbours(edges)
    assert crossings(ordered([[0], [1, 2], [3, 4, 5, 6]], before, after), after) == 0


def test_nodes_move_to_their_neighbours() -> None:
    before, after = neighbours([(0, 5), (1, 4), (2, 3), (0, 4), (2, 4)])
    found = ordered([[0, 1, 2], [3, 4, 5]], before, after)
    assert crossings(found, after) == 0
    assert [sorted(layer) for layer in found] == [[0, 1, 2], [3, 4, 5]]
