"""The order of nodes within layers: few edges cross."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Mapping, Sequence
from itertools import pairwise

#: Rounds of moving nodes to the middle of their neighbours, left to right and back.
_ROUNDS = 6

#: Edges of a graph above which crossings aren't counted: the last round counts as the best.
_MAX_COUNTED = 20_000


def ordered(
    layers: Sequence[Sequence[int]], before: Mapping[int, Sequence[int]], after: Mapping[int, Sequence[int]]
) -> list[list[int]]:
    """Layers with their nodes in an order of few crossings.

    Each node is moved to the mean position of its neighbours in the layer before, then in the one after, and
    so on; the best order of all rounds is kept.

    Args:
        layers: Nodes of each layer.
        before: The neighbours of a node in the layer before.
        after: The neighbours of a node in the layer after.
    """
    best = current = _by_descent(layers, after)
    is_counted = sum(map(len, after.values())) <= _MAX_COUNTED
    fewest = crossings(current, after) if is_counted else 1
    for _ in range(_ROUNDS if fewest else 0):
        current = _swept(current, before)
        current = _swept(current[::-1], after)[::-1]
        now = crossings(current, after) if is_counted else 0
        if now < fewest or not is_counted:
            best, fewest = current, now
    return best


def crossings(layers: Sequence[Sequence[int]], after: Mapping[int, Sequence[int]]) -> int:
    """The number of pairs of edges that cross."""
    count = 0
    for layer, following in pairwise(layers):
        place = {node: index for index, node in enumerate(following)}
        seen: list[int] = []
        for node in layer:
            ends = sorted(place[other] for other in after.get(node, ()))
            count += sum(len(seen) - bisect_right(seen, end) for end in ends)
            for end in ends:
                insort(seen, end)
    return count


def _by_descent(layers: Sequence[Sequence[int]], after: Mapping[int, Sequence[int]]) -> list[list[int]]:
    """The nodes of each layer in the order in which a walk from the left meets them: trees are whole."""
    met: dict[int, None] = {}
    for layer in layers:
        for start in layer:
            stack = [start]
            while stack:
                node = stack.pop()
                if node not in met:
                    met[node] = None
                    stack += reversed(after.get(node, ()))
    place = {node: index for index, node in enumerate(met)}
    return [sorted(layer, key=place.__getitem__) for layer in layers]


def _swept(layers: Sequence[Sequence[int]], neighbours: Mapping[int, Sequence[int]]) -> list[list[int]]:
    """Layers, each sorted by the positions of its nodes' neighbours in the one before it in the list."""
    place: dict[int, int] = {}
    found = []
    for layer in layers:
        own = {node: index for index, node in enumerate(layer)}
        middle = {}
        for node in layer:
            known = [place[other] for other in neighbours.get(node, ()) if other in place]
            middle[node] = sum(known) / len(known) if known else own[node]
        row = sorted(layer, key=lambda node: (middle[node], own[node]))
        found.append(row)
        place = {node: index for index, node in enumerate(row)}
    return found
