"""The rule of three-way merges for one value, and for the order of keys; for any number of sides."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import TypeVar

from git_theta.formats.base import Counts, Prefer
from git_theta.model.three_way import trivial_merge

K = TypeVar("K", bound=Hashable)


class ThreeWay:
    """Choose between the values of sides, and remember the conflicts.

    Args:
        prefer: Chooses a side for a name in conflict.
    """

    def __init__(self, prefer: Prefer) -> None:
        self._prefer = prefer
        self._conflicts: dict[str, None] = {}

    @property
    def conflicts(self) -> tuple[str, ...]:
        """Names in conflict for which no side was preferred, in order."""
        return tuple(self._conflicts)

    def count(self, name: str, base: object, values: Sequence[object]) -> int | None:
        """The merged number of a counter that sides changed differently; `None` for anything else.

        Args:
            name: Name of the value.
            base: The value in the common ancestor.
            values: The values of the sides, ours first.
        """
        numbers = [value for value in values if type(value) is int]
        if not isinstance(self._prefer, Counts) or len(numbers) < len(values):
            return None
        if trivial_merge(base, values) is not None:
            return None
        old = base if type(base) is int else None
        return self._prefer.count(name, old, [number for number in numbers if number != old])

    def choose(
        self, name: str, base: Hashable, values: Sequence[Hashable], sides: Sequence[int] | None = None
    ) -> int:
        """The index of the value to take: the changed one, if any was changed.

        Args:
            name: Name of the value, for a conflict.
            base: The value in the common ancestor.
            values: The values of the sides, ours first; compared by `==`.
            sides: Indices of these sides, if some are left out.
        """
        found = trivial_merge(base, values)
        if found is not None:
            return found
        preferred = self._prefer(name)
        known = range(len(values)) if sides is None else sides
        if preferred in known:
            return known.index(preferred)
        self._conflicts[name] = None
        return 0


def merged_order(first: Iterable[K], *others: Iterable[K]) -> list[K]:
    """All keys, once, in the order of the first; another side's key is after the key that it follows there.

    Where two sides add keys in one place, the keys of the first side come first.
    """
    order = list(dict.fromkeys(first))
    for other in others:
        order = _with_additions(order, list(dict.fromkeys(other)))
    return order


def _with_additions(order: list[K], other: list[K]) -> list[K]:
    known = set(order)
    following: dict[K | None, list[K]] = {}
    anchor: K | None = None
    for key in other:
        if key in known:
            anchor = key
        else:
            following.setdefault(anchor, []).append(key)
    shared = known.intersection(other)
    merged: list[K] = []
    waiting = following.get(None, [])
    for key in order:
        if key in shared:
            merged += waiting
            waiting = following.get(key, [])
        merged.append(key)
    return merged + waiting
