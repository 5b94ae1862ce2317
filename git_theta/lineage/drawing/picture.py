"""A picture of a lineage graph: the places of its models and edges, for programs that draw.

Lengths are in units of which a model is 44 high.
"""

from __future__ import annotations

from dataclasses import dataclass

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class DrawnModel:
    """A model.

    Attributes:
        name: Its name.
        x: Its left end, from that of its family.
        y: Its upper end, from that of its family.
        box: The first model of the group that it's in; its own name if it's in none.
    """

    name: str
    x: float
    y: float
    box: str


@dataclass(frozen=True, slots=True)
class DrawnGroup:
    """The frame around a group of models, from the upper left corner of its family.

    Attributes:
        box: The first model in it.
        x: Its left end.
        y: Its upper end.
        width: Its width.
        height: Its height.
    """

    box: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class DrawnEdge:
    """An edge, from the right side of its parents' box to the left side of its children's.

    Attributes:
        parent: A model at its start, the only one or the first of a group.
        child: A model at its end, the only one or the first of a group.
        relation: The kind of derivation.
        is_certain: Whether somebody said it, rather than that it was inferred.
        start: Its start, from the upper left corner of the family.
        end: Its end. Left of the start if the edge closes a circle.
        stretches: Its straight stretches: their two ends, and their height. One leads left, if its second end
            is left of the first.
    """

    parent: str
    child: str
    relation: str
    is_certain: bool
    start: Point
    end: Point
    stretches: tuple[tuple[float, float, float], ...]


@dataclass(frozen=True, slots=True)
class DrawnFamily:
    """Models that are related, directly or not; or all models of which nothing is known.

    Attributes:
        root: The model that most others come from; empty if nothing is known of all of them.
        x: Left end in the picture.
        y: Upper end in the picture.
        width: Width.
        height: Height, with the title's.
        models: The models.
        groups: Frames around groups of models.
        edges: The edges.
    """

    root: str
    x: float
    y: float
    width: float
    height: float
    models: tuple[DrawnModel, ...]
    groups: tuple[DrawnGroup, ...]
    edges: tuple[DrawnEdge, ...]


@dataclass(frozen=True, slots=True)
class Drawing:
    """A picture.

    Attributes:
        width: Width.
        height: Height.
        families: The families, the largest first.
    """

    width: float
    height: float
    families: tuple[DrawnFamily, ...]
