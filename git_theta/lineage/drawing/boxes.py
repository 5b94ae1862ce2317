"""Boxes of a picture: one model each, or all models that have the same parents and the same children.

A base with two hundred fine-tunes is one edge to one box, rather than a fan of two hundred edges.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from git_theta.lineage.graph import Derivation, Graph

#: Height of a model, and the space around the models of a group, in units of the picture.
MODEL_HEIGHT = 44
GROUP_PADDING = 8

#: Models of a group, at least: fewer have an edge each.
_MIN_GROUP = 3

#: Models of a group that are one column.
_MAX_COLUMN = 6

#: Width of a group of several columns in proportion to its height.
_ASPECT = 1.3


@dataclass(frozen=True, slots=True)
class Box:
    """A model, or a group of models.

    Attributes:
        models: Names of the models, row by row.
        columns: Number of columns.
        model_width: Width of a model, in units of the picture.
    """

    models: tuple[str, ...]
    columns: int
    model_width: int

    @property
    def is_group(self) -> bool:
        """Whether a frame is drawn around several models."""
        return len(self.models) > 1

    @property
    def width(self) -> int:
        """Width in units of the picture."""
        if not self.is_group:
            return self.model_width
        return self.columns * (self.model_width + GROUP_PADDING) + GROUP_PADDING

    @property
    def height(self) -> int:
        """Height in units of the picture."""
        if not self.is_group:
            return MODEL_HEIGHT
        return -(-len(self.models) // self.columns) * (MODEL_HEIGHT + GROUP_PADDING) + GROUP_PADDING

    def places(self) -> list[tuple[str, int, int]]:
        """Name, x and y of each model, from the upper left corner of the box."""
        if not self.is_group:
            return [(self.models[0], 0, 0)]
        across, down = self.model_width + GROUP_PADDING, MODEL_HEIGHT + GROUP_PADDING
        return [
            (
                name,
                GROUP_PADDING + index % self.columns * across,
                GROUP_PADDING + index // self.columns * down,
            )
            for index, name in enumerate(self.models)
        ]


def boxes_of(graph: Graph, model_width: int) -> list[Box]:
    """The boxes of all models, in the order of the graph's.

    Args:
        graph: The graph.
        model_width: Width of a model, in units of the picture.
    """
    groups: dict[object, list[str]] = {}
    for name in graph.models:
        groups.setdefault(_relatives(graph, name), []).append(name)
    found = []
    for names in groups.values():
        if len(names) < _MIN_GROUP:
            found += [Box((name,), 1, model_width) for name in names]
        else:
            columns = _columns(len(names), model_width)
            found.append(Box(tuple(sorted(names, key=natural_key)), columns, model_width))
    return found


def is_certain(edge: Derivation) -> bool:
    """Whether somebody said that a model was made from another one: its edge is a solid line."""
    return edge.source != "inferred"


def natural_key(name: str) -> tuple[tuple[int, str], ...]:
    """A key that sorts numbers in names by size."""
    parts = re.split(r"([0-9]{1,18})", name)
    return tuple((int(part), "") if index % 2 else (-1, part) for index, part in enumerate(parts))


def box_numbers(boxes: Iterable[Box]) -> Mapping[str, int]:
    """Name of a model → number of its box."""
    return {name: number for number, box in enumerate(boxes) for name in box.models}


def _relatives(graph: Graph, name: str) -> object:
    """Parents and children, and how the edges to them are drawn."""
    return (
        frozenset((edge.parent, edge.relation, is_certain(edge)) for edge in graph.derivations_of(name)),
        frozenset((edge.child, edge.relation, is_certain(edge)) for edge in graph.derivations_from(name)),
    )


def _columns(count: int, model_width: int) -> int:
    if count <= _MAX_COLUMN:
        return 1
    return max(1, round(math.sqrt(_ASPECT * count * MODEL_HEIGHT / model_width)))
