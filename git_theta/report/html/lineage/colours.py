"""Colours of models and edges: by relation, by size, and by the share of bytes that no parent has."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from git_theta.lineage.graph import Derivation, Graph
from git_theta.report.html.lineage.labels import relation_text
from git_theta.report.text import human_size

#: Numbers of the page's colours for relations that many repositories have. `derived`, of which the kind isn't
#: known, is grey.
_RELATIONS = {
    "derived": 1,
    "finetune": 3,
    "quantized": 4,
    "merge": 5,
    "adapter": 6,
    "pruned": 7,
    "distilled": 8,
}

#: Numbers of colours for relations of any name.
_FREE = (9, 10)

#: The colour of relations for which none is left.
_OTHER = 1

#: Steps of the scale from pale to dark.
LEVELS = 10


@dataclass(frozen=True, slots=True)
class RelationColour:
    """A relation in the legend: its name, the number of its colour, and the number of its derivations."""

    name: str
    colour: int
    count: int


def relation_colours(derivations: Sequence[Derivation]) -> tuple[RelationColour, ...]:
    """The relations of a graph, the most frequent first, each with a colour as long as there are any."""
    counts = Counter(relation_text(edge.relation) for edge in derivations).most_common()
    free = [
        *_FREE,
        *(colour for name, colour in _RELATIONS.items() if name not in dict(counts) and colour != _OTHER),
    ]
    colours = {name: _RELATIONS[name] for name, _ in counts if name in _RELATIONS}
    for name, _ in counts:
        if name not in colours:
            colours[name] = free.pop(0) if free else _OTHER
    return tuple(RelationColour(name, colours[name], count) for name, count in counts)


@dataclass(frozen=True, slots=True)
class Scale:
    """Numbers of models as steps of a scale.

    Attributes:
        low: The number at its pale end, as text.
        high: The number at its dark end, as text.
        levels: Name of a model → step; models without a number aren't among them.
    """

    low: str
    high: str
    levels: Mapping[str, int]


def size_scale(graph: Graph) -> Scale:
    """The sizes of models, in steps of equal ratios."""
    sizes = {name: node.size for name, node in graph.models.items() if node.size}
    if not sizes:
        return Scale("", "", {})
    least, most = min(sizes.values()), max(sizes.values())
    span = math.log(most / least) or 1.0
    levels = {name: round((LEVELS - 1) * math.log(size / least) / span) for name, size in sizes.items()}
    return Scale(human_size(least), human_size(most), levels)


def divergence_scale(shares: Mapping[tuple[str, str], float]) -> Scale:
    """The share of a model's bytes that its nearest parent doesn't have.

    Args:
        shares: Child and parent → the share of the child's bytes that the parent has, too.
    """
    nearest = nearest_shares(shares)
    levels = {name: min(LEVELS - 1, int(LEVELS * (1 - share))) for name, share in nearest.items()}
    return Scale("0%", "100%", levels)


def nearest_shares(shares: Mapping[tuple[str, str], float]) -> dict[str, float]:
    """Child → the largest share of its bytes that a parent has."""
    found: dict[str, float] = {}
    for (child, _), share in shares.items():
        found[child] = max(share, found.get(child, 0.0))
    return found
