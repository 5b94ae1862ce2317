"""The merges in a family: models that are weighted sums of others that are as old or older."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from git_theta.lineage.inference.distances import Distances
from git_theta.lineage.inference.mixtures import Mixture, find_pair, find_sum

#: The groups of models that came together, the last ones before a model, of which it may be a mean.
_ROUNDS = 3


def merges_among(
    distances: Distances, ages: Sequence[int | None], members: Sequence[int]
) -> dict[int, Mixture]:
    """The merges in a family: of two models each, and of more models that are no such merges themselves.

    A mean of three is a sum of one and a mean of the others, too, with weights of a third and two thirds.

    Args:
        distances: The distances between models.
        ages: The number of the first commit that has each model; `None` if unknown.
        members: Indices of the models that are looked at.

    Returns:
        Index of a merge → the sum. None is a sum of itself, nor of sums that it's part of.
    """
    pairs = {at: find_pair(distances, at, _earlier(ages, at, members)) for at in members}
    found = _without_circles({at: pair for at, pair in pairs.items() if pair is not None})
    rest = [at for at in members if at not in found]
    for at, pair in found.items():
        if pair.weights.keys() & found.keys():
            mean = _sum(distances, ages, at, rest)
            if mean is not None and mean.is_mean and not pair.is_mean:
                found[at] = mean
    sums = {at: _sum(distances, ages, at, rest) for at in rest}
    more = _without_circles({at: each for at, each in sums.items() if each is not None})
    return {**found, **more}


def _sum(
    distances: Distances, ages: Sequence[int | None], child: int, members: Sequence[int]
) -> Mixture | None:
    """A sum of models that came into history together, the last ones first; else of any earlier ones.

    Where merges are parents of others, the same model is many sums of all these.
    """
    earlier = _earlier(ages, child, members)
    together: dict[int, list[int]] = {}
    for at in earlier:
        age = ages[at]
        if age is not None:
            together.setdefault(age, []).append(at)
    groups = [group for _, group in sorted(together.items(), reverse=True) if len(group) > 2][:_ROUNDS]
    for group in groups:
        found = find_sum(distances, child, group)
        if found is not None and found.is_exact:
            return found
    return find_sum(distances, child, earlier)


def _earlier(ages: Sequence[int | None], child: int, members: Sequence[int]) -> list[int]:
    """Members that a model may be made from, by their age."""
    mine = ages[child]
    others = [at for at in members if at != child]
    return [at for at in others if mine is None or (age := ages[at]) is None or age <= mine]


def _without_circles(mixtures: Mapping[int, Mixture]) -> dict[int, Mixture]:
    """Mixtures of which none is made of itself: of those that explain each other, the better ones stay."""
    kept: dict[int, Mixture] = {}
    for child, mixture in sorted(mixtures.items(), key=lambda item: (item[1].left, item[0])):
        waiting, seen = list(mixture.weights), {child}
        while waiting:
            at = waiting.pop()
            if at == child:
                break
            if at not in seen:
                seen.add(at)
                waiting += list(kept[at].weights) if at in kept else []
        else:
            kept[child] = mixture
    return kept
