"""Outputs of one training: models with a trunk in common and a head each, none made from another one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from git_theta.lineage.inference.distances import Distances
from git_theta.lineage.inference.families import RELATED, mutual

#: The share of bytes that outputs of one training have in common, at least.
_COMMON: Final = 0.5

#: Fewer models that came together may as well be a model and one made from it.
_FEWEST: Final = 3


def made_together(
    distances: Distances, ages: Sequence[int | None], members: Sequence[int]
) -> Mapping[int, int]:
    """The members of each group that one training made → the first of the group.

    They came into history together, after a model that they're like.

    Args:
        distances: The distances between models.
        ages: The number of the first commit that has each model; `None` if unknown.
        members: Indices of the models that are looked at.
    """
    common = mutual(distances.shared)
    found: dict[int, int] = {}
    for first in members:
        if first in found:
            continue
        age = ages[first]
        group = [at for at in members if at == first or (ages[at] == age and common[first, at] >= _COMMON)]
        if age is None or len(group) < _FEWEST:
            continue
        if any(_is_before(ages[at], age) and distances.relative[first, at] < RELATED for at in members):
            found.update(dict.fromkeys(group, first))
    return found


def _is_before(one: int | None, other: int) -> bool:
    return one is not None and one < other
