"""A family of models: those that are related, directly or not, in layers from left to right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from git_theta.lineage.drawing.boxes import Box
from git_theta.lineage.drawing.layered import LayeredPlaces, layered
from git_theta.lineage.drawing.picture import DrawnEdge, DrawnFamily, DrawnGroup, DrawnModel

#: Space above a family for its title.
TITLE_HEIGHT = 34.0


@dataclass(frozen=True, slots=True)
class BoxEdge:
    """An edge between two boxes, given the numbers of these.

    Attributes:
        parent: The box that it leads from.
        child: The box that it leads to.
        relation: The kind of derivation.
        is_certain: Whether somebody said it, rather than that it was inferred.
    """

    parent: int
    child: int
    relation: str
    is_certain: bool


def draw_family(boxes: Sequence[Box], edges: Sequence[BoxEdge]) -> DrawnFamily:
    """A family with its upper left corner at 0, 0."""
    pairs = [(edge.parent, edge.child) for edge in edges]
    places = layered([(box.width, box.height) for box in boxes], pairs)
    corners = [
        (left, middle - box.height / 2 + TITLE_HEIGHT)
        for box, left, middle in zip(boxes, places.lefts, places.middles, strict=True)
    ]
    return DrawnFamily(
        _origin(boxes, edges),
        0.0,
        0.0,
        places.width,
        _rounded(places.height + TITLE_HEIGHT),
        tuple(
            DrawnModel(name, _rounded(x + across), _rounded(y + down), box.models[0])
            for box, (x, y) in zip(boxes, corners, strict=True)
            for name, across, down in box.places()
        ),
        tuple(
            DrawnGroup(box.models[0], _rounded(x), _rounded(y), box.width, box.height)
            for box, (x, y) in zip(boxes, corners, strict=True)
            if box.is_group
        ),
        tuple(_edge(edge, boxes, places) for edge in edges),
    )


def _edge(edge: BoxEdge, boxes: Sequence[Box], places: LayeredPlaces) -> DrawnEdge:
    parent, child = boxes[edge.parent], boxes[edge.child]
    return DrawnEdge(
        parent.models[0],
        child.models[0],
        edge.relation,
        edge.is_certain,
        (
            _rounded(places.lefts[edge.parent] + parent.width),
            _rounded(places.middles[edge.parent] + TITLE_HEIGHT),
        ),
        (_rounded(places.lefts[edge.child]), _rounded(places.middles[edge.child] + TITLE_HEIGHT)),
        tuple(
            (_rounded(left), _rounded(right), _rounded(y + TITLE_HEIGHT))
            for left, right, y in places.stretches.get((edge.parent, edge.child), ())
        ),
    )


def _origin(boxes: Sequence[Box], edges: Sequence[BoxEdge]) -> str:
    """The model that most others come from, one without parents if there's any; empty without edges."""
    following: dict[int, list[int]] = {}
    for edge in edges:
        following.setdefault(edge.parent, []).append(edge.child)
    children = {edge.child for edge in edges}
    starts = [node for node in following if node not in children] or list(following)
    if not starts:
        return ""
    return boxes[max(starts, key=lambda node: _reach(node, following, boxes))].models[0]


def _reach(start: int, following: dict[int, list[int]], boxes: Sequence[Box]) -> int:
    """The number of models that are reached from a box."""
    seen, todo = {start}, [start]
    while todo:
        new = [other for other in following.get(todo.pop(), ()) if other not in seen]
        seen.update(new)
        todo += new
    return sum(len(boxes[node].models) for node in seen)


def _rounded(value: float) -> float:
    return round(value, 1)
