"""The structure of a merged file: its layout and the stretches of bytes between parameters."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

from git_theta.formats.base import ComposeError, FileVersion
from git_theta.formats.compose import Composed, compose_file
from git_theta.merge.outcome import LAYOUT, Conflict, content_key
from git_theta.merge.plan import parameter_entries, preferred_side, structure_entries
from git_theta.merge.rules import MergeRules
from git_theta.model.manifest import Manifest
from git_theta.model.tensor import TensorSpec
from git_theta.model.three_way import trivial_merge
from git_theta.smudge import Smudger
from git_theta.store.local import LocalStore


@dataclass(frozen=True, slots=True)
class TakenStructure:
    """The structure of one side.

    Attributes:
        side: The side.
    """

    side: Manifest


@dataclass(frozen=True, slots=True)
class NewStructure:
    """A structure that was composed from all sides.

    Attributes:
        format: Name of the file's format.
        size: Size of the file, in bytes.
        layout: The encoded layout.
        stretches: Name → bytes of each stretch.
    """

    format: str
    size: int
    layout: bytes
    stretches: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class StructureConflicts:
    """Reasons why the structures can't be merged.

    Attributes:
        conflicts: At least one.
    """

    conflicts: tuple[Conflict, ...]


Structure = TakenStructure | NewStructure | StructureConflicts


def merge_structure(
    base: Manifest | None,
    sides: Sequence[Manifest],
    wanted: Mapping[str, TensorSpec],
    rules: MergeRules,
    store: LocalStore,
) -> Structure:
    """Merge everything but parameters: take the structure of a side that fits, or compose a new one.

    Args:
        base: The merge base; `None` if there's none.
        sides: Ours first.
        wanted: Dtype and shape of every parameter of the merged file.
        rules: The rules for this file.
        store: The store that has the layouts and stretches of all versions.
    """
    side = _fitting_side(base, sides, wanted, rules)
    if side is not None:
        return TakenStructure(side)
    formats = _formats(base, sides)
    if len(formats) > 1:
        return StructureConflicts((Conflict(LAYOUT, different_formats(base, sides)),))
    try:
        composed = _compose(base, sides, wanted, rules, store)
    except ComposeError as error:
        return StructureConflicts((Conflict(LAYOUT, error.message),))
    if composed.conflicts:
        reason = "changed to different values on both sides"
        return StructureConflicts(tuple(Conflict(name, reason) for name in composed.conflicts))
    layout = composed.layout
    return NewStructure(formats[0], layout.size, layout.to_bytes(), composed.stretches)


def merge_header(base: Manifest | None, sides: Sequence[Manifest]) -> tuple[tuple[str, str], ...]:
    """The header keys that this version of git-theta doesn't know: by equality, or else ours; sorted."""
    before = dict(base.extra) if base else {}
    tables = [dict(side.extra) for side in sides]
    merged: dict[str, str] = {}
    for key in sorted({*before, *(key for table in tables for key in table)}):
        values = [table.get(key) for table in tables]
        value = values[trivial_merge(before.get(key), values) or 0]
        if value is not None:
            merged[key] = value
    return tuple(sorted(merged.items()))


def different_formats(base: Manifest | None, sides: Sequence[Manifest]) -> str:
    """The reason of a conflict between versions of different formats; empty if all have one format."""
    formats = _formats(base, sides)
    return f"versions have different formats: {', '.join(formats)}" if len(formats) > 1 else ""


def _formats(base: Manifest | None, sides: Sequence[Manifest]) -> list[str]:
    versions = (*sides, *([base] if base else []))
    return list(dict.fromkeys(version.format for version in versions))


def _fitting_side(
    base: Manifest | None, sides: Sequence[Manifest], wanted: Mapping[str, TensorSpec], rules: MergeRules
) -> Manifest | None:
    """A side whose structure is the result, by equality or by a rule, and has a place for every parameter."""
    keys = [_structure_key(side) for side in sides]
    index = trivial_merge(_structure_key(base), keys)
    chosen = preferred_side(LAYOUT, rules)
    preferred = None if chosen is None else sides[chosen]
    for side, key in zip(sides, keys, strict=True):
        stands = index is not None and key == keys[index]
        fits = {entry.name: entry.spec for entry in parameter_entries(side)} == wanted
        if fits and (stands or side == preferred):
            return side
    return None


def _structure_key(manifest: Manifest | None) -> Hashable:
    return tuple((entry.name, content_key(entry)) for entry in structure_entries(manifest)) or None


def _compose(
    base: Manifest | None,
    sides: Sequence[Manifest],
    wanted: Mapping[str, TensorSpec],
    rules: MergeRules,
    store: LocalStore,
) -> Composed:
    smudger = Smudger(store)

    def version(manifest: Manifest) -> FileVersion:
        return FileVersion(smudger.layout(manifest), smudger.skeleton(manifest))

    return compose_file(
        sides[0].format,
        version(base) if base else None,
        [*map(version, sides)],
        wanted,
        lambda name: preferred_side(name, rules),
    )
