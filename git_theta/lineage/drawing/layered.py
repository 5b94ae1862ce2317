"""Places of rectangles in layers, and of the edges between them, which pass between the rectangles."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from git_theta.lineage.drawing.bands import band_starts
from git_theta.lineage.drawing.heights import middles
from git_theta.lineage.drawing.layers import Edge, layers_of, without_circles
from git_theta.lineage.drawing.ordering import ordered

#: Space between rectangles of a layer.
_GAP = 14.0

#: Space between two layers: more where edges are steep.
_MIN_LAYER_GAP, _MAX_LAYER_GAP, _STEEPNESS = 64.0, 260.0, 0.16

#: Space between bands, and for each edge there; and left and right of them for the bows of these edges.
_BAND_GAP, _LANE, _BOW = 36.0, 8.0, 44.0

#: Heights at which edges lead from a band to the next one.
_LANES = 3

#: Points that edges pass in layers, at most; if there'd be more, long edges are drawn across what's between.
_MAX_POINTS = 20_000

#: A straight stretch of an edge: its two ends, and its height. It leads left, if the second end is left.
Stretch = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class LayeredPlaces:
    """Places of rectangles.

    Attributes:
        lefts: The left end of each rectangle.
        middles: The vertical middle of each; the least upper end is 0.
        stretches: The straight stretches of an edge: where it passes layers, and between bands. Edges without
            any aren't among them, nor are those that close circles.
        width: The right end of the last layer.
        height: The lower end of the lowest rectangle, or edge.
    """

    lefts: Sequence[float]
    middles: Sequence[float]
    stretches: Mapping[Edge, Sequence[Stretch]]
    width: float
    height: float


def layered(sizes: Sequence[tuple[float, float]], edges: Sequence[Edge]) -> LayeredPlaces:
    """Place rectangles so that edges lead from left to right; those that close circles lead back.

    Args:
        sizes: Width and height of each rectangle.
        edges: Edges between their numbers.
    """
    count = len(sizes)
    straight = without_circles(count, edges)
    layer_of = layers_of(count, straight)
    chains = _chains(layer_of, straight)
    layers: list[list[int]] = [[] for _ in range(max(layer_of) + 1)]
    for node, layer in enumerate(layer_of):
        layers[layer].append(node)
    before: dict[int, list[int]] = {}
    after: dict[int, list[int]] = {}
    for start, end in sorted({step for chain in chains.values() for step in pairwise(chain)}):
        if layer_of[end] == layer_of[start] + 1:
            after.setdefault(start, []).append(end)
            before.setdefault(end, []).append(start)
    heights = [sizes[node][1] if node < count else 0.0 for node in range(len(layer_of))]
    layers = ordered(layers, before, after)
    middle = middles(layers, before, after, heights, _GAP)
    widths = [max((sizes[node][0] for node in layer if node < count), default=0.0) for layer in layers]
    columns = _columns(layers, before, middle, widths, heights)
    at = [middle[node] + columns.downs[layer_of[node]] for node in range(len(layer_of))]
    stretches = {edge: list(columns.stretches(chain, layer_of, at)) for edge, chain in chains.items()}
    return LayeredPlaces(
        [columns.lefts[layer_of[node]] for node in range(count)],
        at[:count],
        {edge: found for edge, found in stretches.items() if found},
        max(columns.rights) + (_BOW if len(columns.starts) > 1 else 0.0),
        max(place + height / 2 for place, height in zip(at, heights, strict=True)),
    )


def _chains(layer_of: list[int], edges: Sequence[Edge]) -> dict[Edge, list[int]]:
    """The nodes that each edge leads through, its ends included: a new node for each layer that it passes.

    The edges of a node share their points in a layer: they run together, as far as they go.

    Args:
        layer_of: The layer of each node; those of new nodes are appended.
        edges: Edges that lead to the right.
    """
    passed = {edge: range(layer_of[edge[0]] + 1, layer_of[edge[1]]) for edge in edges}
    points: dict[tuple[int, int], int] = {}
    for (start, _), layers in passed.items():
        for layer in layers:
            if len(points) > _MAX_POINTS:
                return {edge: list(edge) for edge in edges}
            points.setdefault((start, layer), len(layer_of) + len(points))
    layer_of += [layer for _, layer in points]
    return {
        (start, end): [start, *(points[start, layer] for layer in layers), end]
        for (start, end), layers in passed.items()
    }


@dataclass(frozen=True, slots=True)
class _Columns:
    """Places of layers: side by side in bands, and these below each other.

    Attributes:
        lefts: Left end of each layer.
        rights: Right end of each.
        downs: How far down the nodes of each layer are moved.
        starts: The first layer of each band.
        lanes: Height of the highest edge in the space above each band.
    """

    lefts: Sequence[float]
    rights: Sequence[float]
    downs: Sequence[float]
    starts: Sequence[int]
    lanes: Sequence[float]

    def stretches(
        self, chain: Sequence[int], layer_of: Sequence[int], at: Sequence[float]
    ) -> Iterator[Stretch]:
        """The straight stretches of an edge, given the nodes that it leads through and their heights."""
        for node, following in pairwise(chain):
            layer, other = layer_of[node], layer_of[following]
            if node != chain[0]:
                yield self.lefts[layer], self.rights[layer], at[node]
            for band in range(bisect_right(self.starts, layer), bisect_right(self.starts, other)):
                first = self.starts[band]
                # Edges of a node share a lane; the lanes of others are near, as their places are.
                lane = self.lanes[band] + _LANE * (node % _LANES)
                yield self.rights[first - 1], self.lefts[first], lane


def _columns(
    layers: Sequence[Sequence[int]],
    before: Mapping[int, Sequence[int]],
    middle: Mapping[int, float],
    widths: Sequence[float],
    heights: Sequence[float],
) -> _Columns:
    gaps = [0.0]
    for layer in layers[1:]:
        steepness = max((abs(middle[n] - middle[o]) for n in layer for o in before.get(n, ())), default=0.0)
        gaps.append(min(_MAX_LAYER_GAP, _MIN_LAYER_GAP + _STEEPNESS * steepness))
    tops = [min(middle[node] - heights[node] / 2 for node in layer) for layer in layers]
    bottoms = [max(middle[node] + heights[node] / 2 for node in layer) for layer in layers]
    between = _BAND_GAP + _LANE * _LANES
    crossing = [sum(len(before.get(node, ())) for node in layer) for layer in layers]
    starts = band_starts(len(layers), sum(widths) + sum(gaps), max(bottoms) + between, crossing)
    lefts, rights, downs, lanes = [], [], [], []
    y = 0.0
    for start, end in pairwise([*starts, len(layers)]):
        lanes.append(y - between + _BAND_GAP / 2)
        x = 0.0 if start == 0 else _BOW
        for number in range(start, end):
            x += gaps[number] if number > start else 0.0
            lefts.append(x)
            x += widths[number]
            rights.append(x)
        top = min(tops[start:end])
        downs += [y - top] * (end - start)
        y += max(bottoms[start:end]) - top + between
    return _Columns(lefts, rights, downs, starts, lanes)
