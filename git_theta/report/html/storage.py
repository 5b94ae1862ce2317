"""How the parameters of the new version are stored, by bytes: bars, and their numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from git_theta.report.change import CheckpointChange, ParameterChange

#: Width of the widest bar, in units of its picture.
WIDTH = 1000

#: Least width of a slice, so that it can be seen.
_MIN_WIDTH = 2

_UNCHANGED, _KNOWN, _UNKNOWN, _REST = "unchanged", "stored before", "changed", "rest of the file"

#: Numbers of styles; other updates take turns with `_OTHERS`.
_COLOURS = {
    _UNCHANGED: 0,
    _KNOWN: 1,
    _REST: 2,
    _UNKNOWN: 3,
    "delta": 3,
    "dense": 4,
    "sparse": 5,
    "low-rank": 6,
}
_OTHERS = (7, 8)


@dataclass(frozen=True, slots=True)
class Part:
    """Parameters that are stored the same way.

    Attributes:
        label: How they're stored.
        colour: Number of a style.
        count: Number of parameters; `None` for the rest of the file.
        raw: Bytes of their values.
        stored: Bytes that only the new version needs.
    """

    label: str
    colour: int
    count: int | None
    raw: int
    stored: int


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of a bar: its position and its width, in units of the picture."""

    part: Part
    x: float
    width: float


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar.

    Attributes:
        label: Heading of the bar.
        total: Bytes.
        slices: Slices from left to right.
    """

    label: str
    total: int
    slices: tuple[Slice, ...]


def storage_parts(change: CheckpointChange) -> tuple[Part, ...]:
    """The new version, in parts; empty if there's none. Unchanged parameters come first."""
    manifest = change.new.manifest
    if manifest is None:
        return ()
    rows = [row for row in change.rows if row.new]
    changed = {row.new.name for row in rows if row.new}
    same = [entry.spec.nbytes for entry in manifest.entries if entry.name not in changed]
    groups: dict[str, list[ParameterChange]] = {}
    for row in rows:
        groups.setdefault(_label(row), []).append(row)
    found = [(_UNCHANGED, len(same), sum(same), 0)] if same else []
    for label, members in sorted(groups.items(), key=lambda item: (item[0] != _KNOWN, item[0])):
        raw, stored = sum(row.nbytes for row in members), sum(row.stored or 0 for row in members)
        found.append((label, len(members), raw, stored))
    others = [label for label, *_ in found if label not in _COLOURS]
    colours = {label: _OTHERS[index % len(_OTHERS)] for index, label in enumerate(others)} | _COLOURS
    made = [Part(label, colours[label], *rest) for label, *rest in found]
    # Parameters that share a payload each count it, so that the parts may be more than the whole.
    rest = (change.stored or 0) - sum(part.stored for part in made)
    if rest > 0:
        parameters = sum(part.raw for part in made)
        made.append(Part(_REST, _COLOURS[_REST], None, max(0, manifest.size - parameters), rest))
    return tuple(made)


def storage_bars(change: CheckpointChange, found: tuple[Part, ...]) -> tuple[Bar, ...]:
    """Two bars of one scale: the values, and what's newly stored for them."""
    if not found:
        return ()
    raw, stored = sum(part.raw for part in found), sum(part.stored for part in found)
    scale = WIDTH / max(raw, stored, 1)
    made = [Bar("The file", raw, tuple(_slices([(part, part.raw) for part in found], scale)))]
    if change.stored is not None:
        slices = tuple(_slices([(part, part.stored) for part in found], scale))
        made.append(Bar("Newly stored", change.stored, slices))
    return tuple(made)


def _label(row: ParameterChange) -> str:
    if row.stored is None or row.new is None:
        return _UNKNOWN
    if row.update or row.stored:
        return row.update.split(" ")[0] or row.new.source.update
    return _KNOWN


def _slices(sizes: list[tuple[Part, int]], scale: float) -> Iterator[Slice]:
    widths = [max(_MIN_WIDTH, size * scale) if size else 0.0 for _, size in sizes]
    # Slices that were widened must not push the last ones out of the picture.
    narrower = min(1.0, WIDTH / (sum(widths) or 1))
    x = 0.0
    for (part, size), width in zip(sizes, widths, strict=True):
        if size:
            yield Slice(part, round(x, 2), round(width * narrower, 2))
            x += width * narrower
