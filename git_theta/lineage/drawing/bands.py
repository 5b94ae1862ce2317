"""Bands of layers, below each other as lines of a text are: a long chain of models fits on a screen."""

from __future__ import annotations

from collections.abc import Sequence

#: Layers of a band, at least.
_MIN_LAYERS = 5

#: Width of a band in proportion to the height of all bands.
_ASPECT = 4.0

#: Edges that lead from a band to the next one, at most.
MAX_CROSSING = 6

#: Layers by which a band may be longer or shorter than the others.
_SLACK = 3


def band_starts(layer_count: int, width: float, height: float, crossing: Sequence[int]) -> list[int]:
    """The first layer of each band.

    Args:
        layer_count: Number of layers.
        width: Width of all layers side by side.
        height: Height of the highest layer, with the space between bands.
        crossing: For each layer, how many edges lead to it from the layer before.
    """
    count = min(round((width / (_ASPECT * max(height, 1.0))) ** 0.5), layer_count // _MIN_LAYERS)
    starts = [0]
    for band in range(1, count):
        ideal = round(layer_count * band / count)
        around = range(max(starts[-1] + 2, ideal - _SLACK), min(layer_count, ideal + _SLACK + 1))
        possible = [layer for layer in around if crossing[layer] <= MAX_CROSSING]
        if possible:
            starts.append(min(possible, key=lambda layer: (crossing[layer], abs(layer - ideal))))
    return starts
