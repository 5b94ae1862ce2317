"""Layers of a directed graph, from left to right: every node is right of all that lead to it."""

from __future__ import annotations

from collections.abc import Sequence

#: An edge: the numbers of the node that it leads from and of the one that it leads to.
Edge = tuple[int, int]


def without_circles(count: int, edges: Sequence[Edge]) -> list[Edge]:
    """The edges, with those turned round that would close a circle, and without those of a node to itself.

    Args:
        count: Number of nodes.
        edges: Edges between them.
    """
    following: list[list[int]] = [[] for _ in range(count)]
    for start, end in edges:
        following[start].append(end)
    finished, open_ = [False] * count, [False] * count
    closing: set[Edge] = set()
    has_incoming = {end for start, end in edges if start != end}
    for root in sorted(range(count), key=lambda node: node in has_incoming):
        if finished[root]:
            continue
        open_[root] = True
        stack = [(root, iter(following[root]))]
        while stack:
            node, rest = stack[-1]
            other = next(rest, None)
            if other is None:
                open_[node], finished[node] = False, True
                stack.pop()
            elif open_[other]:
                closing.add((node, other))
            elif not finished[other]:
                open_[other] = True
                stack.append((other, iter(following[other])))
    turned = [edge[::-1] if edge in closing else edge for edge in edges if edge[0] != edge[1]]
    return list(dict.fromkeys(turned))


def layers_of(count: int, edges: Sequence[Edge]) -> list[int]:
    """The layer of each node: the number of edges of the longest path that leads to it.

    A node that nothing leads to is moved right, to the layer before the first of those after it.

    Args:
        count: Number of nodes.
        edges: Edges without circles.
    """
    following: list[list[int]] = [[] for _ in range(count)]
    waiting = [0] * count
    for start, end in edges:
        following[start].append(end)
        waiting[end] += 1
    roots = [node for node in range(count) if not waiting[node]]
    found = [0] * count
    ready = list(roots)
    while ready:
        node = ready.pop()
        for other in following[node]:
            found[other] = max(found[other], found[node] + 1)
            waiting[other] -= 1
            if not waiting[other]:
                ready.append(other)
    for node in roots:
        found[node] = min((found[other] for other in following[node]), default=1) - 1
    return found
