"""Vertical places of nodes in layers: near those of their neighbours, in a given order, without overlap."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

_ROUNDS = 8


def spread(wanted: Sequence[float], distances: Sequence[float], weights: Sequence[float]) -> list[float]:
    """Places as near as can be to wanted ones, in order, with the least sum of weighted squared shifts.

    Nodes that would overlap form a block that is placed as a whole: isotonic regression, by pooling adjacent
    violators.

    Args:
        wanted: The place that each node would have alone.
        distances: The least distance of each node but the last to the next one.
        weights: How much a shift of each node counts.
    """
    offset, offsets = 0.0, []
    for place in range(len(wanted)):
        offsets.append(offset)
        offset += distances[place] if place < len(distances) else 0.0
    # Blocks: the mean, its weight, and the number of nodes.
    blocks: list[tuple[float, float, int]] = []
    for want, start, weight in zip(wanted, offsets, weights, strict=True):
        block = (want - start, weight, 1)
        while blocks and blocks[-1][0] > block[0]:
            mean, before, count = blocks.pop()
            total = before + block[1]
            block = ((mean * before + block[0] * block[1]) / total, total, count + block[2])
        blocks.append(block)
    means = [mean for mean, _, count in blocks for _ in range(count)]
    return [mean + start for mean, start in zip(means, offsets, strict=True)]


def middles(
    layers: Sequence[Sequence[int]],
    before: Mapping[int, Sequence[int]],
    after: Mapping[int, Sequence[int]],
    heights: Sequence[float],
    gap: float,
) -> dict[int, float]:
    """The vertical middle of each node, in units of the picture; the least upper end is 0.

    Args:
        layers: Nodes of each layer, in their order.
        before: The neighbours of a node in the layer before.
        after: The neighbours of a node in the layer after.
        heights: Height of each node; 0 for a point that an edge passes.
        gap: Space between two nodes of a layer.
    """
    found: dict[int, float] = {}
    for layer in layers:
        place = 0.0
        for node in layer:
            found[node] = place + heights[node] / 2
            place += heights[node] + gap
    for turn in range(2 * _ROUNDS):
        # The last sweep goes left, so that parents are in the middle of their children.
        row, neighbours = (layers, before) if turn % 2 == 0 else (layers[::-1], after)
        for layer in row:
            wanted = [
                _mean([found[other] for other in neighbours.get(node, ())], found[node]) for node in layer
            ]
            pairs = pairwise(layer)
            distances = [(heights[one] + heights[other]) / 2 + gap for one, other in pairs]
            # Edges that pass are straight rather than their ends in the middle.
            weights = [1.0 if heights[node] else 4.0 for node in layer]
            found.update(zip(layer, spread(wanted, distances, weights), strict=True))
    top = min(found[node] - heights[node] / 2 for node in found)
    return {node: place - top for node, place in found.items()}


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise
