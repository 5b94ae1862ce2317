"""Rounds of a federation: models that go on from the mean of others, though each is nearer to one of these.

A client's data pull its model in one direction in each round, so that the new model is nearest to the one
that the same client made before. That all clients' models go on after their mean speaks for the mean.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from git_theta.lineage.inference.mixtures import Mixture

#: Fewer models are no federation.
_FEWEST: Final = 3

#: The share of the models of a mean that go on, at least.
_MOST_OF_THEM: Final = 0.8


def continued(
    parents: Mapping[int, tuple[int, bool]], mixtures: Mapping[int, Mixture], ages: Sequence[int | None]
) -> Mapping[int, int]:
    """Models that were made from the mean of those that they're nearest to → the mean.

    Args:
        parents: Child → the parent in the tree, and whether the direction is known.
        mixtures: The means, by index of their model.
        ages: The number of the first commit that has each model; `None` if unknown.
    """
    children: dict[int, list[int]] = {}
    for child, (parent, known) in parents.items():
        if known:
            children.setdefault(parent, []).append(child)
    found: dict[int, int] = {}
    for mean, mixture in mixtures.items():
        age = ages[mean]
        if age is None or len(mixture.weights) < _FEWEST:
            continue
        rounds: dict[int, dict[int, int]] = {}
        for parent in mixture.weights:
            for child in children.get(parent, ()):
                born = ages[child]
                if born is not None and born > age:
                    rounds.setdefault(born, {})[parent] = child
        for members in rounds.values():
            if len(members) >= _MOST_OF_THEM * len(mixture.weights):
                found.update(dict.fromkeys(members.values(), mean))
    return found
