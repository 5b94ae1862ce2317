"""Fold names that differ only in numbers: `layer.0.bias`, `layer.1.bias` → `layer.{0-1}.bias`."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

#: A part of a name that is a number; parts are joined by `.` or `/`.
_NUMBER = re.compile(r"(?<![^./])(0|[1-9][0-9]{0,8})(?![^./])")

#: Ranges in a list of numbers; a longer list is cut.
_MAX_RANGES = 8

#: Numbers that differ between names; names that differ in more aren't folded.
_MAX_AXES = 8

#: A point: the numbers in a name, in order.
_Point = tuple[int, ...]

#: A box: for each number in a name, the values that it takes.
_Box = tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Folded(Generic[T]):
    """Items whose names differ in numbers only, which take all combinations of some values.

    Attributes:
        names: The folded names; one for each name of an item.
        items: The items, in their order.
    """

    names: tuple[str, ...]
    items: tuple[T, ...]


def fold(items: Iterable[tuple[Sequence[str], Hashable, T]]) -> list[Folded[T]]:
    """Fold items by their names.

    Args:
        items: The names of each item, a key, and the item; only items of one key are folded. Several names of
            an item are folded only if they have the same numbers.

    Returns:
        Folded items, in the order of their first names, where numbers are sorted by size.
    """
    groups: dict[Hashable, dict[tuple[int, ...], list[T]]] = {}
    for names, shared, item in items:
        templates, numbers = _take_apart(names)
        groups.setdefault((templates, shared), {}).setdefault(numbers, []).append(item)
    found: list[tuple[object, Folded[T]]] = []
    for key, members in groups.items():
        assert isinstance(key, tuple)  # noqa: S101
        for box, points in _boxes(list(members)):
            names = tuple(_written(template, box) for template in key[0])
            first = _written(key[0][0], tuple(values[:1] for values in box))
            things = tuple(item for point in points for item in members[point])
            found.append((natural(first), Folded(names, things)))
    found.sort(key=lambda pair: pair[0])  # type: ignore[arg-type, return-value]
    return [folded for _, folded in found]


def natural(name: str) -> tuple[tuple[tuple[int, str], ...], str]:
    """A key that sorts names part by part, numbers by size."""
    parts = re.split(r"[./]", name)
    return tuple((int(part), "") if _NUMBER.fullmatch(part) else (1 << 40, part) for part in parts), name


def _take_apart(names: Sequence[str]) -> tuple[tuple[tuple[str, ...], ...], tuple[int, ...]]:
    """Texts between numbers, and the numbers; no numbers if the names have different ones."""
    pieces = [_NUMBER.split(name) for name in names]
    numbers = pieces[0][1::2]
    if any(other[1::2] != numbers for other in pieces[1:]):
        return tuple((name,) for name in names), ()
    return tuple(tuple(part[::2]) for part in pieces), tuple(map(int, numbers))


def _boxes(points: Sequence[_Point]) -> list[tuple[_Box, list[_Point]]]:
    """Cover distinct points exactly by boxes: axis by axis, boxes that agree in all others are joined."""
    axes = [axis for axis, values in enumerate(zip(*points, strict=True)) if len(set(values)) > 1]
    if len(axes) > _MAX_AXES:
        return [(tuple((value,) for value in point), [point]) for point in points]
    # Only axes with several values are looked at: a name may have very many numbers.
    found: list[tuple[_Box, list[_Point]]]
    found = [(tuple((point[axis],) for axis in axes), [point]) for point in points]
    for axis in reversed(range(len(axes))):
        joined: dict[_Box, tuple[list[int], list[_Point]]] = {}
        for box, inside in found:
            values, all_inside = joined.setdefault(box[:axis] + box[axis + 1 :], ([], []))
            values.extend(box[axis])
            all_inside.extend(inside)
        found = [
            ((*rest[:axis], tuple(sorted(values)), *rest[axis:]), inside)
            for rest, (values, inside) in joined.items()
        ]
    return [(_widened(box, axes, inside[0]), inside) for box, inside in found]


def _widened(box: _Box, axes: Sequence[int], point: _Point) -> _Box:
    """A box of some axes as one of all axes; in the others, it has the values of a point."""
    values: list[tuple[int, ...]] = [(value,) for value in point]
    for axis, several in zip(axes, box, strict=True):
        values[axis] = several
    return tuple(values)


def _written(template: Sequence[str], box: _Box) -> str:
    texts = (str(values[0]) if len(values) == 1 else f"{{{_ranges(values)}}}" for values in box)
    pairs = zip(texts, template[1:], strict=True)
    return template[0] + "".join(number + after for number, after in pairs)


def _ranges(values: Sequence[int]) -> str:
    """Sorted numbers as ranges: `0-11`, `0,2,5-7`; of very many ranges, the first ones and the last."""
    runs: list[list[int]] = []
    for value in values:
        if runs and value == runs[-1][1] + 1:
            runs[-1][1] = value
        else:
            runs.append([value, value])
    texts = [str(a) if a == b else f"{a}-{b}" for a, b in runs]
    return ",".join(texts if len(texts) <= _MAX_RANGES else [*texts[:2], "…", texts[-1]])
