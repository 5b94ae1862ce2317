"""Families: models that are related, as far as their parameters tell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from git_theta.lineage.inference.distances import Distances
from git_theta.lineage.inference.sampled_model import SampledModel

if TYPE_CHECKING:
    from git_theta.lineage.inference.distances import Matrix

#: Models are compared if so large a share of one's bytes have names and shapes of the other's parameters.
_COMPARABLE = 0.2

#: Strangers are at 1.4, in units of their deviations; a model of which most was pruned is at about 0.8.
RELATED = 1.0

#: The share of a model's elements that a distance must be of, at least.
_COVERED = 0.1

#: The share of a model's elements, zeros apart, that make it related if they're equal: it was pruned.
_EQUAL = 0.9

#: The share of a model's bytes in values of another one that makes them related, whatever the rest.
_SHARED = 0.05


def alike_models(models: Sequence[SampledModel]) -> list[list[int]]:
    """Groups of models that can be compared: by names and shapes, or as they share values."""
    sets = _Sets(len(models))
    first: dict[str, int] = {}
    for at, model in enumerate(models):
        for digest in model.digests:
            sets.join(at, first.setdefault(digest, at))
    # Most models have the names and shapes of another one: each such set is compared once.
    structures: dict[frozenset[object], int] = {}
    for at, model in enumerate(models):
        sets.join(at, structures.setdefault(frozenset(model.columns), at))
    sizes = {
        at: {key: entry.spec.nbytes for key, entry in models[at].columns.items()}
        for at in structures.values()
    }
    owners: dict[object, list[int]] = {}
    for at, keys in sizes.items():
        for key in keys:
            owners.setdefault(key, []).append(at)
    for at, keys in sizes.items():
        common: dict[int, int] = {}
        for key, nbytes in keys.items():
            for other in owners[key]:
                common[other] = common.get(other, 0) + nbytes
        total = sum(keys.values())
        for other, nbytes in common.items():
            if total and nbytes >= _COMPARABLE * total:
                sets.join(at, other)
    return sets.groups()


def families(distances: Distances) -> list[list[int]]:
    """Groups of models of which each is related to another one of its group."""
    import numpy as np

    near = (distances.relative < RELATED) | (mutual(distances.equal) >= _EQUAL)
    near &= mutual(distances.covered) >= _COVERED
    sets = _Sets(len(distances.distance))
    for one, other in zip(*np.nonzero(near | (mutual(distances.shared) >= _SHARED)), strict=True):
        sets.join(int(one), int(other))
    return sets.groups()


def mutual(shares: Matrix) -> Matrix:
    """The larger share of each pair, whichever of the two models it is of."""
    import numpy as np

    found: Matrix = np.maximum(shares, shares.T)
    return found


class _Sets:
    """Disjoint sets of numbers."""

    def __init__(self, count: int) -> None:
        self._above = list(range(count))

    def find(self, item: int) -> int:
        while self._above[item] != item:
            self._above[item] = self._above[self._above[item]]
            item = self._above[item]
        return item

    def join(self, one: int, other: int) -> None:
        self._above[self.find(one)] = self.find(other)

    def groups(self) -> list[list[int]]:
        found: dict[int, list[int]] = {}
        for item in range(len(self._above)):
            found.setdefault(self.find(item), []).append(item)
        return list(found.values())
