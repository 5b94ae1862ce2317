"""The plan of the merge of a file: one version as a whole, or outcomes of parameters and a structure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from git_theta import strategies
from git_theta.formats.split import OPAQUE
from git_theta.merging.alignment import AlignedVersions, align_versions
from git_theta.merging.common_form import VersionValues, in_common_form
from git_theta.merging.converted import ConvertedValues
from git_theta.merging.file_version import ReadVersion, read_once
from git_theta.merging.manifest_parts import file_key, structure_entries
from git_theta.merging.outcome import LAYOUT, Conflict, Merged, ParameterPlan, side_name
from git_theta.merging.plan_each import NONE_REFUSED, preferred_side
from git_theta.merging.plan_parameters import plan_parameters
from git_theta.merging.renamed_prefixes import likely_prefix
from git_theta.merging.rules import MergeRule, MergeRules
from git_theta.merging.settings_versions import ReadSettings
from git_theta.merging.structure import (
    NewStructure,
    StructureConflicts,
    TakenStructure,
    different_formats,
    merge_header,
    merge_structure,
)
from git_theta.model.manifest import Entry, Manifest
from git_theta.model.three_way import trivial_merge
from git_theta.strategies.take_side import TakeSide


@dataclass(frozen=True, slots=True)
class MergePlan:
    """A merge without conflicts that is still to be carried out.

    Attributes:
        parameters: Every parameter; no outcome is a conflict.
        structure: The structure of the file.
        header: Unknown keys of the manifest's header.
        names: Name of a parameter in the merge → its name in the file; only where they differ.
        notes: Differences between the versions that the merge bridges, in words.
        values: Values of versions that aren't as in their files.
        aligned: The versions with the values of their files; `None` if all values of the plan are.
    """

    parameters: tuple[ParameterPlan, ...]
    structure: TakenStructure | NewStructure
    header: tuple[tuple[str, str], ...]
    names: Mapping[str, str]
    notes: tuple[str, ...] = ()
    values: ConvertedValues = field(default_factory=ConvertedValues)
    aligned: AlignedVersions | None = None

    def as_in_files(self) -> tuple[ParameterPlan, ...]:
        """The plans of parameters with versions as they are in files, for users to look at."""
        return _as_in_files(self.parameters, self.aligned) if self.aligned else self.parameters


@dataclass(frozen=True, slots=True)
class FilePlanner:
    """Plans the merge of a file.

    Attributes:
        version: Reads a version without the values of its parameters.
        fetch: Called with entries whose objects are needed, to bring those to the store that aren't there.
        settings: Reads files of settings beside the checkpoint, which tell what its values mean.
        reader: Reads values that aren't of one form in all versions.
    """

    version: ReadVersion
    fetch: Callable[[Iterable[Entry]], object]
    settings: ReadSettings
    reader: VersionValues

    def plan(
        self,
        base: Manifest | None,
        sides: Sequence[Manifest],
        rules: MergeRules,
        refused: Mapping[str, str] = NONE_REFUSED,
        *,
        fetch_values: bool,
    ) -> Merged | MergePlan:
        """A merge to carry out; or its result, where one version is taken as a whole or there are conflicts.

        Args:
            base: The merge base; `None` if there's none.
            sides: Ours, then theirs, and more in an octopus merge.
            rules: The rules for this file.
            refused: Name → reason, of parameters for which the result of the first rule isn't wanted.
            fetch_values: Whether values to combine are fetched along with the structures. If not, a plan with
                conflicts is to look at, and has the versions as they are in files.

        Raises:
            UsageError: A rule names an unknown strategy, or options that don't fit the merge.
            ThetaError: The structure of a version can't be read.
        """
        whole = _whole_by_equality(base, sides, rules)
        if whole:
            return whole
        if any(side.format == OPAQUE for side in sides):
            return _whole_side(sides, rules, "changed on both sides, and not in a format that has parameters")
        version = read_once(self.version)
        aligned = align_versions(base, sides, rules, version, self.fetch)
        form = in_common_form(aligned.base, aligned.sides, rules, self.reader, self.settings)
        planned = plan_parameters(form.base, form.sides, rules, self.settings, refused, form.unclear)
        parameters = form.with_dtypes(planned)
        conflicts = _conflicts(aligned, parameters)
        values = form.values.origins(entry for plan in parameters for entry in plan.inputs)
        self.fetch(
            [
                *(values if fetch_values and not conflicts else []),
                *(entry for each in (base, *sides) for entry in structure_entries(each)),
            ]
        )
        wanted = {plan.name: plan.spec for plan in parameters if plan.spec}
        structure = merge_structure(base, sides, wanted, rules, version, aligned.sides, aligned.renamed)
        if isinstance(structure, StructureConflicts):
            reason = different_formats(base, sides)
            if reason:
                # Parameters of files of different formats don't go together.
                return _whole_side(sides, rules, reason)
            side = preferred_side(LAYOUT, rules)
            if side is not None:
                return preferred_whole(sides, side, structure.conflicts[0].reason)
            known = {conflict.name for conflict in conflicts}
            conflicts += (each for each in structure.conflicts if each.name not in known)
        if conflicts or isinstance(structure, StructureConflicts):
            if form.values and not fetch_values:
                parameters = _as_in_files(parameters, aligned)
            return Merged(None, parameters, tuple(conflicts))
        if isinstance(structure, TakenStructure):
            names = aligned.file_names[sides.index(structure.side)]
        else:
            names = structure.names
        notes, header = (*aligned.notes, *form.notes), merge_header(base, sides)
        in_files = aligned if form.values else None
        return MergePlan(parameters, structure, header, names, notes, form.values, in_files)


def preferred_whole(sides: Sequence[Manifest], side: int, reason: str) -> Merged:
    """One side as a whole, as a rule prefers it and nothing else is possible.

    Args:
        sides: All sides.
        side: Index of the side.
        reason: Why its parameters don't go together with those of other sides.
    """
    name = side_name(side)
    return Merged(sides[side], whole=name, dropped=(f"all is as in {name}: {reason}",))


def _as_in_files(parameters: Iterable[ParameterPlan], aligned: AlignedVersions) -> tuple[ParameterPlan, ...]:
    """Plans of parameters, with versions as they are in files."""
    before = aligned.base.by_name if aligned.base else {}
    tables = [side.by_name for side in aligned.sides]
    return tuple(
        replace(plan, base=before.get(plan.name), sides=tuple(table.get(plan.name) for table in tables))
        for plan in parameters
    )


def _conflicts(aligned: AlignedVersions, parameters: Iterable[ParameterPlan]) -> list[Conflict]:
    """The conflicts of parameters: one for each place where it's unclear which of them correspond."""
    found: list[Conflict] = list(aligned.conflicts)
    advice = None
    for plan in parameters:
        if isinstance(plan.outcome, Conflict) and plan.name not in aligned.unclear:
            if advice is None and None in plan.sides:
                # One line of advice is enough for all.
                advice = _rename_advice(aligned)
                found.append(replace(plan.outcome, reason=plan.outcome.reason + advice))
            else:
                found.append(plan.outcome)
    return found


def _rename_advice(aligned: AlignedVersions) -> str:
    """The option that settles conflicts about parameters with other names; empty if there are none such."""
    ours, *others = aligned.sides
    prefix = next(filter(None, (likely_prefix(side, ours) for side in others)), None)
    return f"; {prefix.advice()}" if prefix else ""


def _whole_by_equality(base: Manifest | None, sides: Sequence[Manifest], rules: MergeRules) -> Merged | None:
    """The version that is the result, where only one side changed the file or all did so equally."""
    index = trivial_merge(file_key(base), [file_key(side) for side in sides])
    if index is None:
        return None
    if not _is_for_all(base, sides, rules):
        return Merged(sides[index], whole=_whole_name(sides, index))
    last = next(reversed(rules.strategies), None)
    if last is None or not last.is_for_all:
        return None
    taken = _whole_version(base, sides, last)
    return Merged(taken, whole=last.strategy) if taken else None


def _whole_side(sides: Sequence[Manifest], rules: MergeRules, reason: str) -> Merged:
    """The side that the rules take for the whole file, or else a conflict."""
    index = preferred_side("", rules)
    if index is None:
        return Merged(None, (), (Conflict("", reason),))
    return Merged(sides[index], whole=side_name(index))


def _is_for_all(base: Manifest | None, sides: Sequence[Manifest], rules: MergeRules) -> bool:
    """Whether a rule may change parameters of a file that only one side changed."""
    formats = {version.format for version in (base, *sides) if version}
    changed = any(file_key(side) != file_key(base) for side in sides)
    comparable = base is not None and len(formats) == 1 and OPAQUE not in formats
    return changed and comparable and any(rule.changes_everything for rule in rules.rules)


def _whole_version(base: Manifest | None, sides: Sequence[Manifest], rule: MergeRule) -> Manifest | None:
    """The version that a rule takes as a whole, with all that isn't a parameter; `None` if it combines."""
    strategy = strategies.registry().get(rule.strategy)
    if not isinstance(strategy, TakeSide) or not rule.all_parameters:
        return None
    return base if strategy.side is None else sides[strategy.side] if strategy.side < len(sides) else None


def _whole_name(sides: Sequence[Manifest], index: int) -> str:
    """The name of a version that was taken by equality."""
    keys = [file_key(side) for side in sides]
    if all(key == keys[index] for key in keys):
        return "what all sides have"
    return side_name(index)
