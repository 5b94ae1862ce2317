"""Find the items of lists that correspond in several versions: by equal content, else by position."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Hashable, Sequence
from typing import NamedTuple


class ListItem(NamedTuple):
    """An item of a list.

    Attributes:
        content: Equal for items of equal content.
        kind: Equal for items that may be versions of each other, such as tensors of one dtype and shape.
    """

    content: Hashable
    kind: Hashable


#: Stands for an item of the lists in the merge; equal for items that correspond.
Label = Hashable


class UnclearError(Exception):
    """Items of lists don't show which of them correspond."""


def align_lists(base: Sequence[ListItem] | None, sides: Sequence[Sequence[ListItem]]) -> list[list[Label]]:
    """A label for each item of the base, then of each side; labels are unique within a list.

    Lists of equal length whose items haven't visibly moved correspond by position. Others are compared with
    the base: items of equal content correspond if that keeps their order, and so do the items between these,
    if there are as many in both lists. Time is in proportion to the items, but for a logarithm.

    Args:
        base: The list in the common ancestor; `None` if there's none.
        sides: The list on each side; at least one.

    Raises:
        UnclearError: A side has another number of items in a place where none is equal, two sides have
            inserted different items in one place, or the lists have different lengths and there's no base.
    """
    first = sides[0] if base is None else base
    labels: list[list[Label]] = [] if base is None else [list(range(len(base)))]
    inserted: dict[int, tuple[Hashable, ...]] = {}
    for side in sides:
        found: list[Label] = []
        run: list[ListItem] = []
        place = 0
        for item, partner in zip(side, _partners(first, side), strict=True):
            if partner is None:
                run.append(item)
                continue
            found += _new_labels(place, run, inserted)
            found.append(partner)
            place, run = partner + 1, []
        labels.append(found + _new_labels(place, run, inserted))
    if base is None and any(each != labels[0] for each in labels):
        # Nothing tells whether one side has removed an item, or the other one added it.
        raise UnclearError
    return labels


def in_place(lists: Sequence[Sequence[ListItem]]) -> bool:
    """Whether lists have one length, and no item has visibly moved: items correspond by position then."""
    return all(len(each) == len(lists[0]) and not _has_moved(lists[0], each) for each in lists[1:])


def _new_labels(place: int, run: list[ListItem], inserted: dict[int, tuple[Hashable, ...]]) -> list[Label]:
    """Labels of items that a side has inserted in one place of the base."""
    if not run:
        return []
    contents = tuple(item.content for item in run)
    if inserted.setdefault(place, contents) != contents:
        raise UnclearError
    return [(place, number) for number in range(len(run))]


def _partners(base: Sequence[ListItem], side: Sequence[ListItem]) -> list[int | None]:
    """For each item of a side, the position of its partner in the base; `None` for a new item."""
    if len(base) == len(side) and not _has_moved(base, side):
        return list(range(len(side)))
    partners: list[int | None] = [None] * len(side)
    low, position = 0, 0
    for old, new in (*_anchors(base, side), (len(base), len(side))):
        removed, added = old - low, new - position
        if removed and added:
            if removed != added or _kinds_moved(base[low:old], side[position:new]):
                raise UnclearError
            partners[position:new] = range(low, old)
        if new < len(side):
            partners[new] = old
        low, position = old + 1, new + 1
    return partners


def _has_moved(base: Sequence[ListItem], side: Sequence[ListItem]) -> bool:
    """Whether items of a list of the same length seem to be at other positions than in the base."""
    kept = sum(old.content == new.content for old, new in zip(base, side, strict=True))
    return len(_anchors(base, side)) > kept or _kinds_moved(base, side)


def _kinds_moved(base: Sequence[ListItem], side: Sequence[ListItem]) -> bool:
    """Whether an item has a kind that isn't the base's there, but that of another item with a new kind."""
    odd = [(old.kind, new.kind) for old, new in zip(base, side, strict=True) if old.kind != new.kind]
    return bool({old for old, _ in odd} & {new for _, new in odd})


def _anchors(base: Sequence[ListItem], side: Sequence[ListItem]) -> list[tuple[int, int]]:
    """Pairs of positions of equal items, ascending in both lists: at the ends, and round unique items."""
    shorter = min(len(base), len(side))
    head = next((i for i in range(shorter) if base[i].content != side[i].content), shorter)
    most = shorter - head
    tail = next((i for i in range(most) if base[-1 - i].content != side[-1 - i].content), most)
    ends = len(base) - tail, len(side) - tail
    pairs = [(i, i) for i in range(head)]
    for old, new in (*_unique_pairs(base, side, head, *ends), ends):
        low, position = pairs[-1] if pairs else (-1, -1)
        if old <= low or new <= position:
            continue
        start = old
        while old > low + 1 and new > position + 1 and base[old - 1].content == side[new - 1].content:
            old, new = old - 1, new - 1
        pairs += ((old + i, new + i) for i in range(start - old))
        old, new = start, new + start - old
        while old < len(base) and new < len(side) and base[old].content == side[new].content:
            pairs.append((old, new))
            old, new = old + 1, new + 1
    return pairs


def _unique_pairs(
    base: Sequence[ListItem], side: Sequence[ListItem], start: int, old_end: int, new_end: int
) -> list[tuple[int, int]]:
    """The longest ascending pairs of items that are there once in both lists, between the equal ends."""
    counts = Counter(item.content for item in base[start:old_end])
    others = Counter(item.content for item in side[start:new_end])
    places = {base[i].content: i for i in range(start, old_end) if counts[base[i].content] == 1}
    pairs = [
        (places[side[i].content], i)
        for i in range(start, new_end)
        if side[i].content in places and others[side[i].content] == 1
    ]
    return _longest_ascending(pairs)


def _longest_ascending(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The longest part of a sequence in which the first numbers ascend."""
    ends: list[int] = []
    at: list[int] = []
    before: list[int] = []
    for index, (number, _) in enumerate(pairs):
        length = bisect_left(ends, number)
        before.append(at[length - 1] if length else -1)
        ends[length : length + 1] = [number]
        at[length : length + 1] = [index]
    found = []
    index = at[-1] if at else -1
    while index >= 0:
        found.append(pairs[index])
        index = before[index]
    return found[::-1]
