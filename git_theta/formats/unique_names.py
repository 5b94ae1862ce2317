"""Unique names of the tensors of a file."""

from __future__ import annotations


def unique_name(name: str, counts: dict[str, int]) -> str:
    """The name, with the first free number appended if it's taken.

    Args:
        name: A name.
        counts: The names that are taken, each with the number to go on from; the new one is added.
    """
    unique = name
    while unique in counts:
        counts[name] += 1
        unique = f"{name}#{counts[name]}"
    counts[unique] = 1
    return unique
