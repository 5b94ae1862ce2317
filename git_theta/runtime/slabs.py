"""Slabs: items that are worked on at once, so that the memory that they take has a limit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


def slabs(items: Iterable[T], size_of: Callable[[T], int], nbytes: int) -> Iterator[list[T]]:
    """The items in lists, each of which ends with the item that makes it reach `nbytes` bytes.

    Args:
        items: The items.
        size_of: Gives the number of bytes of an item.
        nbytes: Bytes of a list, but for the last.
    """
    slab: list[T] = []
    size = 0
    for item in items:
        slab.append(item)
        size += size_of(item)
        if size >= nbytes:
            yield slab
            slab, size = [], 0
    if slab:
        yield slab
