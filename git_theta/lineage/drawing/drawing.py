"""All families of a lineage graph in one picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from git_theta.lineage.drawing.boxes import box_numbers, boxes_of, is_certain
from git_theta.lineage.drawing.family import BoxEdge, draw_family
from git_theta.lineage.drawing.layers import Edge
from git_theta.lineage.drawing.packing import packed
from git_theta.lineage.drawing.picture import Drawing
from git_theta.lineage.graph import Graph

#: Space between families.
_FAMILY_GAP = 56.0


def draw(graph: Graph, model_width: int) -> Drawing:
    """Places for all models and edges of a graph. The same graph gives the same picture.

    Args:
        graph: The graph; it may have circles.
        model_width: Width of a model, in units of the picture.
    """
    boxes = boxes_of(graph, model_width)
    number = box_numbers(boxes)
    links = dict.fromkeys(
        BoxEdge(number[edge.parent], number[edge.child], edge.relation, is_certain(edge))
        for edge in graph.derivations
        if edge.parent != edge.child
    )
    members = _components(len(boxes), [(link.parent, link.child) for link in links])
    own_links: dict[int, list[BoxEdge]] = {}
    family_of = {box: index for index, found in enumerate(members) for box in found}
    for link in links:
        own_links.setdefault(family_of[link.parent], []).append(link)
    families = [
        draw_family([boxes[box] for box in found], _renumbered(found, own_links.get(index, ())))
        for index, found in enumerate(members)
    ]
    families.sort(key=lambda family: -len(family.models))
    corners = packed([(family.width, family.height) for family in families], _FAMILY_GAP)
    placed = tuple(replace(family, x=x, y=y) for family, (x, y) in zip(families, corners, strict=True))
    return Drawing(
        max((family.x + family.width for family in placed), default=0.0),
        max((family.y + family.height for family in placed), default=0.0),
        placed,
    )


def _components(count: int, edges: Sequence[Edge]) -> list[list[int]]:
    """Nodes that edges connect, whatever their directions, in the order of their numbers."""
    above = list(range(count))

    def top(node: int) -> int:
        while above[node] != node:
            above[node] = above[above[node]]
            node = above[node]
        return node

    for one, other in edges:
        low, high = sorted((top(one), top(other)))
        above[high] = low
    found: dict[int, list[int]] = {}
    for node in range(count):
        found.setdefault(top(node), []).append(node)
    return list(found.values())


def _renumbered(members: Sequence[int], links: Sequence[BoxEdge]) -> list[BoxEdge]:
    own = {box: index for index, box in enumerate(members)}
    return [BoxEdge(own[link.parent], own[link.child], link.relation, link.is_certain) for link in links]
