"""Pair the names of two lists by their ends: `model.encoder.0.bias` with `encoder.0.bias`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

#: The parts of a name, in order; a text is a sequence of characters.
Parts = Sequence[str]


@dataclass(slots=True)
class _Group:
    """Unpaired names that end alike.

    Attributes:
        shared: The number of parts that all of them end with.
        members: Positions in the first list, and those in the second one, both ascending.
    """

    shared: int
    members: tuple[list[int], list[int]] = field(default_factory=lambda: ([], []))

    def take_pairs(self) -> Iterator[tuple[int, int]]:
        """Remove as many pairs as there are, in order."""
        left, right = self.members
        count = min(len(left), len(right))
        yield from zip(left[:count], right[:count], strict=True)
        del left[:count], right[:count]

    def absorb(self, other: _Group) -> None:
        """Add the names of a group."""
        for mine, others in zip(self.members, other.members, strict=True):
            mine += others
            mine.sort()


def pair_by_end(left: Iterable[Parts], right: Iterable[Parts], least: int = 0) -> list[tuple[int, int]]:
    """Positions of the names of each pair, in order; a name is in one pair at most.

    The pairs with the longest common end are made first; of several equal ones, the first names of both lists
    are a pair. Time and memory are in proportion to the parts of all names.

    Args:
        left: The names of the first list.
        right: The names of the second list.
        least: The number of parts that the names of a pair must have in common at their ends.
    """
    # Names that end alike are neighbours in this order.
    names = sorted(
        (parts[::-1], side, index)
        for side, known in enumerate((left, right))
        for index, parts in enumerate(known)
        if len(parts) >= least
    )
    found: list[tuple[int, int]] = []
    groups: list[_Group] = []
    for at, (parts, side, index) in enumerate(names):
        if not groups or groups[-1].shared < len(parts):
            groups.append(_Group(len(parts)))
        groups[-1].members[side].append(index)
        shared = _common_start(parts, names[at + 1][0]) if at + 1 < len(names) else least
        while groups and groups[-1].shared > shared:
            group = groups.pop()
            found += group.take_pairs()
            group.shared = max(shared, groups[-1].shared if groups else 0)
            if groups and groups[-1].shared == group.shared:
                groups[-1].absorb(group)
            elif group.shared >= least:
                groups.append(group)
    for group in groups:
        found += group.take_pairs()
    return sorted(found)


def _common_start(one: Parts, other: Parts) -> int:
    """The number of parts with which both sequences begin."""
    for count, (a, b) in enumerate(zip(one, other, strict=False)):
        if a != b:
            return count
    return min(len(one), len(other))
