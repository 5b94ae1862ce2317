"""Weights of possible edges between models: distances, and what else speaks for or against a derivation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from git_theta.lineage.inference.distances import Distances
from git_theta.lineage.inference.families import mutual
from git_theta.lineage.inference.sampled_model import SampledModel

if TYPE_CHECKING:
    from git_theta.lineage.inference.distances import Matrix

#: The distance of strangers.
STRANGERS = 1.4

#: The part of a distance that counts between models whose elements are all equal but for zeros.
_BY_DISTANCE = 0.001

#: The share of elements that are equal where a model was pruned, or a few elements were changed. Training
#: leaves some as they are as well, and more of those that are left by more pruning.
_ALL_BUT_FEW = 0.9

#: The distance that elements are taken to have that can't be compared.
_UNSEEN = 0.3

#: Of two models about as near, that with the same names and shapes is the nearer one, by this factor.
_OTHER_STRUCTURE = 1.03


def edge_weights(models: Sequence[SampledModel], distances: Distances) -> Matrix:
    """Weights of the edges between models, float64 of shape (models, models): less is likelier.

    Args:
        models: The models of a group.
        distances: Their distances.
    """
    import numpy as np

    # Of a pruned model, all that's left is as in its parent, however far that is.
    equal = mutual(distances.equal)
    equal[equal < _ALL_BUT_FEW] = 0
    near = distances.distance * (1 - equal * (1 - _BY_DISTANCE))
    # A distance of few elements says little about the others.
    unseen = 1 - np.minimum(mutual(distances.covered), 1)
    near = np.sqrt(near**2 + unseen * _UNSEEN**2)
    found: Matrix = np.minimum(near, STRANGERS * (1 - mutual(distances.shared)))
    structures: dict[frozenset[object], int] = {}
    kinds = np.array([structures.setdefault(frozenset(model.columns), len(structures)) for model in models])
    found[kinds[:, None] != kinds[None, :]] *= _OTHER_STRUCTURE
    return found
