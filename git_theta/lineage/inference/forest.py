"""The tree of a family: each model beside the one that it is nearest to, and where the tree begins."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

#: Weighs a pair of models: smaller for nearer ones.
Weight = Callable[[int, int], float]

_ROOT: Final = -1


def spanning_tree(
    members: Sequence[int], weight: Weight, ages: Mapping[int, int | None] | None = None
) -> list[tuple[int, int]]:
    """The edges that connect all members and have the least weight in all: Prim's algorithm.

    With ages, no model is connected by a later one: earlier models are a tree by themselves.

    Args:
        members: Indices of models.
        weight: Weighs two of them, in either order.
        ages: The number of the first commit that has each model, `None` if unknown; of use if all are known.

    Returns:
        Pairs of models, in the order in which the tree grew.
    """
    if not members:
        return []
    known = {at: age for at, age in (ages or {}).items() if age is not None}
    when = known if known.keys() >= set(members) else dict.fromkeys(members, 0)
    first, *rest = sorted(members, key=lambda at: when[at])
    nearest = {member: (weight(first, member), first) for member in rest}
    edges = []
    while nearest:
        member = min(nearest, key=lambda each: (when[each], nearest[each][0], each))
        edges.append((nearest.pop(member)[1], member))
        for other, (least, _) in nearest.items():
            distance = weight(member, other)
            if distance < least:
                nearest[other] = (distance, member)
    return edges


def oriented(
    edges: Sequence[tuple[int, int]], votes: Mapping[tuple[int, int], int], first: int | None
) -> dict[int, tuple[int, bool]]:
    """Parents in a tree, each model's own.

    All edges of a tree lead away from its root, so cues about some edges decide about all, if the root that
    they speak for is the only one.

    Args:
        edges: Pairs of models.
        votes: Pair → 1 if the second is the child by a cue, -1 if the first is, 0 if no cue tells.
        first: The model that is known to be the origin, such as the first one in history; `None` if unknown.

    Returns:
        Child → parent, and whether the direction is known. With directions unknown, either may be the parent.
    """
    beside: dict[int, list[int]] = {}
    for one, other in edges:
        beside.setdefault(one, []).append(other)
        beside.setdefault(other, []).append(one)
    directed = {**votes, **{(b, a): -vote for (a, b), vote in votes.items()}}
    if first is not None:
        return {child: (parent, True) for child, parent in _away(first, beside).items()}
    roots = {root: _agreement(root, beside, directed) for root in beside}
    most = max(roots.values(), default=0)
    best = [root for root, votes_for in roots.items() if votes_for == most]
    trees = [_away(root, beside) for root in best]
    found = {}
    for child, parent in trees[0].items() if trees else ():
        # A direction is known if all roots that the cues leave open agree about it.
        same = all(tree.get(child) == parent for tree in trees)
        found[child] = (parent, same and most > 0)
    return found


def _away(root: int, beside: Mapping[int, Sequence[int]]) -> dict[int, int]:
    """Child → parent of all edges, as they lead away from a root."""
    parents: dict[int, int] = {}
    waiting = [(root, _ROOT)]
    while waiting:
        member, parent = waiting.pop()
        for other in beside.get(member, ()):
            if other != parent:
                parents[other] = member
                waiting.append((other, member))
    return parents


def _agreement(
    root: int, beside: Mapping[int, Sequence[int]], directed: Mapping[tuple[int, int], int]
) -> int:
    """How many cues speak for a root, less those that speak against it."""
    return sum(directed.get((parent, child), 0) for child, parent in _away(root, beside).items())
