"""The rule of three-way merges, for values that are compared by `==`: equality decides, or nothing does."""

from __future__ import annotations

from collections.abc import Sequence


def trivial_merge(base: object, sides: Sequence[object]) -> int | None:
    """The index of the side whose value is the result of a merge; `None` for a conflict.

    It's the first side with a change if all changes are the same, and the first side if there's no change.

    Args:
        base: The value that the sides started from; `None` where it didn't exist.
        sides: The value on each side, ours first; at least one.
    """
    changed = [index for index, value in enumerate(sides) if value != base]
    if not changed:
        return 0
    first = sides[changed[0]]
    return changed[0] if all(sides[index] == first for index in changed) else None
