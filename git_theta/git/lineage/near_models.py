"""Models near some others: those that share values with them, or payloads that theirs are changes of."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from git_theta.git.lineage.tree import LineageTree

#: Digests of values, and payloads by their object and place, in the text of a manifest.
_NAMES: Final = re.compile(rb"\b[0-9a-f]{64}(?::[0-9]+)?\b")

#: So many models are all looked at; of more, so many that have most in common with one.
_FEW: Final = 64


def near_models(tree: LineageTree, chosen: Sequence[str]) -> list[str]:
    """The models that some may be derived from, and they themselves: of many models those near to them.

    The new value of a parameter is stored as a change of a like one. So manifests of relatives name the same
    payloads, however many other models there are. If a model has nothing in common with another one, all are
    given: it may have been stored before its relatives.

    Args:
        tree: The version.
        chosen: Names of the models.
    """
    everything = list(tree.models)
    if len(everything) <= _FEW:
        return everything
    names = {model: _names(tree, model) for model in everything}
    near = set(chosen)
    for one in chosen:
        common = {other: len(names[one] & names[other]) for other in everything if other != one}
        counts = sorted(filter(None, common.values()), reverse=True)
        if not counts:
            return everything
        # Of those that have as much in common, none is nearer than another one by that.
        least = counts[min(_FEW, len(counts)) - 1]
        near.update(other for other, count in common.items() if count >= least)
    return [model for model in everything if model in near]


def _names(tree: LineageTree, model: str) -> frozenset[bytes]:
    """The digests and payloads in a model's manifests, without those of layouts; none of a missing blob."""
    # Parameters follow the empty line. Files of one structure have the same layout.
    entries = (text.partition(b"\n\n")[2] for text in tree.texts(model))
    return frozenset(name for text in entries for name in _NAMES.findall(text))
