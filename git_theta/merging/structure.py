"""The structure of a merged file: its layout and the stretches of bytes between parameters."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, field

from git_theta.errors import PluginError
from git_theta.formats.base import ComposeError
from git_theta.formats.compose import compose_file
from git_theta.merging.file_version import ReadVersion, with_contents
from git_theta.merging.manifest_parts import parameter_entries, structure_entries
from git_theta.merging.outcome import LAYOUT, Conflict, content_key
from git_theta.merging.plan_each import preferred_side
from git_theta.merging.preference import Preference
from git_theta.merging.rules import MergeRules
from git_theta.model.manifest import Manifest
from git_theta.model.tensor import TensorSpec
from git_theta.model.three_way import trivial_merge

#: The way out where a format can't have tensors of other dtypes or shapes than the sides have.
_ADVICE = "; choose what a side has: --dtype ours (or theirs), --rows ours"


@dataclass(frozen=True, slots=True)
class TakenStructure:
    """The structure of one side.

    Attributes:
        side: The side.
        dropped: Whether changes of another side are dropped, as they can't be joined with this side's.
    """

    side: Manifest
    dropped: bool = False


@dataclass(frozen=True, slots=True)
class NewStructure:
    """A structure that was composed from all sides.

    Attributes:
        format: Name of the file's format.
        size: Size of the file, in bytes.
        layout: The encoded layout.
        stretches: Name → bytes of each stretch.
        names: Name of a parameter in the merge → its name in the file; only where they differ.
        by_default: Names of values that several sides changed, and of which a rule by default took a side's.
    """

    format: str
    size: int
    layout: bytes
    stretches: Mapping[str, bytes]
    names: Mapping[str, str] = field(default_factory=dict)
    by_default: tuple[str, ...] = field(default=(), compare=False)


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
    version: ReadVersion,
    views: Sequence[Manifest] | None = None,
    renamed: Collection[int] = (),
) -> Structure:
    """Merge everything but parameters: take the structure of a side, or compose a new one.

    A side that a rule prefers decides conflicts alone: what only another side changed is in the result, too.
    It's taken as a whole where structures can't be composed.

    Args:
        base: The merge base; `None` if there's none.
        sides: Ours first.
        wanted: Dtype and shape of every parameter of the merged file, by its name in the merge.
        rules: The rules for this file.
        version: Reads the layout and the stretches of a version.
        views: The sides with their parameters' names in the merge; `None` if these are their names.
        renamed: Indices of sides whose own names aren't wanted in the result.

    Raises:
        PluginError: The format's plugin is missing, and no side is preferred.
    """
    fitting = [
        side
        for index, (side, view) in enumerate(zip(sides, views or sides, strict=True))
        if index not in renamed
        and _specs(view) == wanted
        and len(parameter_entries(side)) == len(parameter_entries(view))
    ]
    standing = _standing_side(base, sides, fitting)
    if standing is not None:
        return TakenStructure(standing)
    chosen = preferred_side(LAYOUT, rules)
    preferred = None if chosen is None or sides[chosen] not in fitting else sides[chosen]
    try:
        composed = _compose(base, sides, wanted, rules, version)
    except PluginError:
        if preferred is None:
            raise
        return TakenStructure(preferred, dropped=True)
    if isinstance(composed, StructureConflicts):
        # The keys of a renamed side are those of other parameters to its format.
        chosen_side = preferred or (sides[0] if renamed and sides[0] in fitting else None)
        return TakenStructure(chosen_side, dropped=True) if chosen_side else composed
    if preferred and composed == _compose(None, [preferred], wanted, rules, version):
        # Nothing in the result is from another side: take this side's bytes, in their own style.
        return TakenStructure(preferred)
    return composed


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


def header_conflicts(base: Manifest | None, sides: Sequence[Manifest]) -> list[str]:
    """The header keys that several sides changed differently, of which `merge_header` takes ours."""
    before = dict(base.extra) if base else {}
    tables = [dict(side.extra) for side in sides]
    keys = sorted({*before, *(key for table in tables for key in table)})
    return [key for key in keys if trivial_merge(before.get(key), [t.get(key) for t in tables]) is None]


def different_formats(base: Manifest | None, sides: Sequence[Manifest]) -> str:
    """The reason of a conflict between versions of different formats; empty if all have one format."""
    formats = _formats(base, sides)
    return f"versions have different formats: {', '.join(formats)}" if len(formats) > 1 else ""


def _formats(base: Manifest | None, sides: Sequence[Manifest]) -> list[str]:
    versions = (*sides, *([base] if base else []))
    return list(dict.fromkeys(version.format for version in versions))


def _specs(manifest: Manifest) -> dict[str, TensorSpec]:
    return {entry.name: entry.spec for entry in parameter_entries(manifest)}


def _standing_side(
    base: Manifest | None, sides: Sequence[Manifest], fitting: Sequence[Manifest]
) -> Manifest | None:
    """A side whose structure is the result by equality, and has a place for every parameter."""
    keys = [_structure_key(side) for side in sides]
    index = trivial_merge(_structure_key(base), keys)
    if index is None:
        return None
    return next((side for side in fitting if _structure_key(side) == keys[index]), None)


def _structure_key(manifest: Manifest | None) -> Hashable:
    return tuple((entry.name, content_key(entry)) for entry in structure_entries(manifest)) or None


def _compose(
    base: Manifest | None,
    sides: Sequence[Manifest],
    wanted: Mapping[str, TensorSpec],
    rules: MergeRules,
    version: ReadVersion,
) -> NewStructure | StructureConflicts:
    """The structure that has the changes of all sides."""
    reason = different_formats(base, sides)
    if reason:
        return StructureConflicts((Conflict(LAYOUT, reason),))
    by_default: dict[str, None] = {}
    try:
        composed = compose_file(
            sides[0].format,
            with_contents(base, version) if base else None,
            [with_contents(side, version) for side in sides],
            wanted,
            Preference(rules, lambda name: by_default.update({name: None})),
        )
    except ComposeError as error:
        there = {entry.spec for side in sides for entry in parameter_entries(side)}
        advice = "" if there.issuperset(wanted.values()) else _ADVICE
        return StructureConflicts((Conflict(LAYOUT, error.message + advice),))
    if composed.conflicts:
        reason = "changed to different values on both sides"
        return StructureConflicts(tuple(Conflict(name, reason) for name in composed.conflicts))
    layout = composed.layout
    return NewStructure(
        sides[0].format,
        layout.size,
        layout.to_bytes(),
        composed.stretches,
        composed.names,
        tuple(by_default),
    )
