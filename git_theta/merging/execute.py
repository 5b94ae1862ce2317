"""Merge checkpoints: plan, combine the values that several sides changed, and make the merged manifest."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain, starmap

from git_theta.encoding.budget import affordable_threads, check_values
from git_theta.encoding.decode import read_value
from git_theta.encoding.new_manifest import completed
from git_theta.encoding.readable import lacking_values
from git_theta.encoding.stored_value import StoredValue, finalize
from git_theta.encoding.value_writer import FindSources, ValueWriter
from git_theta.errors import CorruptError, ThetaError
from git_theta.merging.adapter_settings import scale_notes
from git_theta.merging.combine import Combiner, ReadMapped
from git_theta.merging.combine_small import SmallCombination, combine_small, is_combined_as_one
from git_theta.merging.common_form import VersionValues
from git_theta.merging.converted import ConvertedValues
from git_theta.merging.file_version import ReadVersion, stored_version
from git_theta.merging.manifest_parts import structure_entries
from git_theta.merging.merged_values import ReadSideFile
from git_theta.merging.outcome import (
    LAYOUT,
    Approximated,
    Conflict,
    Merged,
    ParameterPlan,
    Taken,
    non_finite_text,
    side_name,
)
from git_theta.merging.parameter_groups import ParameterGroup, parameter_groups
from git_theta.merging.plan_each import preferred_side
from git_theta.merging.plan_file import FilePlanner, MergePlan, preferred_whole
from git_theta.merging.rules import MergeRules
from git_theta.merging.settings_versions import ReadSettings, no_settings
from git_theta.merging.structure import (
    NewStructure,
    TakenStructure,
    header_conflicts,
)
from git_theta.model.manifest import Entry, Manifest
from git_theta.model.name_escapes import sort_key
from git_theta.model.placed import place_parameters, sharing_names
from git_theta.model.tensor import TensorSpec
from git_theta.runtime.threads import run_grouped
from git_theta.settings import DEFAULT_DEPTH
from git_theta.smudge import Smudger
from git_theta.store.batch import Batch
from git_theta.store.local import LocalStore
from git_theta.strategies.merge_parameter import NonFinite
from git_theta.updates import AUTO
from git_theta.updates.base import Input


def _nothing_to_fetch(_entries: Iterable[Entry]) -> None:
    pass


def _no_side_files(path: str, _name: str) -> tuple[TensorSpec, Input]:
    raise ThetaError(f"{path}: side files can't be read here")


@dataclass(frozen=True, slots=True)
class Merger:
    """Merges versions of a checkpoint.

    Attributes:
        store: The store of all versions, and of the result.
        known: Finds sources of values that were stored before, by their digests.
        threads: Parameters to work on at once.
        progress: Called with the number of bytes of each combined parameter.
        updates: Names of the updates that may encode values that no recipe makes.
        depth: The most updates that should stand on each other.
        side_files: Reads parameters of the side files that options name.
        mapped: Reads values that needn't be decoded.
        finite: Whether elements that aren't finite, and were so in no model, are a conflict.
        version: Reads a version without its parameters; `None` if the store has all versions.
        fetch: Called with entries whose objects are needed and aren't in the store, to bring them there.
        settings: Reads files of settings beside the checkpoint, which tell what its values mean.
    """

    store: LocalStore
    known: FindSources = lambda _digests: {}
    threads: int = 1
    progress: Callable[[int], object] = field(default=lambda _count: None)
    updates: Sequence[str] = AUTO
    depth: int = DEFAULT_DEPTH
    side_files: ReadSideFile = _no_side_files
    mapped: ReadMapped = field(default=lambda _entry: None)
    finite: bool = False
    version: ReadVersion | None = None
    fetch: Callable[[Iterable[Entry]], object] = _nothing_to_fetch
    settings: ReadSettings = no_settings

    def merge(self, base: Manifest | None, sides: Sequence[Manifest], rules: MergeRules) -> Merged:
        """Merge versions of a checkpoint.

        Args:
            base: The merge base; `None` if there's none.
            sides: Ours, then theirs, and more in an octopus merge.
            rules: The rules for this file.

        Returns:
            The merged checkpoint, or the conflicts; no value is combined in that case.

        Raises:
            UsageError: A rule names an unknown strategy, or options that don't fit the merge.
            MissingObjectError: A value that is needed isn't in the store and can't be fetched.
            CorruptError: A value is damaged.
        """
        planner = self._planner()
        refused: dict[str, str] = {}
        while True:
            plan = planner.plan(base, sides, rules, refused, fetch_values=True)
            if isinstance(plan, Merged):
                return plan
            non_finite: list[NonFinite] = []
            approximated: list[Approximated] = []
            manifest = self._carry_out(plan, sides, non_finite.append, approximated.append)
            new = {each.name: non_finite_text(each) for each in non_finite}
            if not (new and self.finite):
                break
            if new.keys() <= refused.keys():
                return Merged(None, plan.parameters, tuple(starmap(Conflict, new.items())))
            # Where another rule stands by for what is in conflict, that's the way for these parameters.
            refused |= new
        try:
            self._check_shared_memory(manifest)
        except CorruptError as error:
            side = preferred_side(LAYOUT, rules)
            if side is None:
                return Merged(None, plan.parameters, (Conflict(LAYOUT, error.message),))
            return self._settle_sharing(plan, manifest, sides, side)
        return Merged(
            manifest,
            plan.parameters,
            non_finite=tuple(non_finite),
            dropped=(*_dropped(plan, base, sides), *scale_notes(plan.parameters, self.settings)),
            approximated=tuple(approximated),
            notes=plan.notes,
            as_ours=plan.structure.by_default if isinstance(plan.structure, NewStructure) else (),
        )

    def _settle_sharing(
        self, plan: MergePlan, merged: Manifest, sides: Sequence[Manifest], side: int
    ) -> Merged:
        """A merge whose parameters share memory and differ: one side decides about these, or about all."""
        names = sharing_names(place_parameters(merged, Smudger(self.store).layout(merged)))
        parameters = tuple(
            replace(each, outcome=Taken(each.sides[side], side))
            if plan.names.get(each.name, each.name) in names and each.sides[side]
            else each
            for each in plan.parameters
        )
        text = "parameters share memory, and their merged values differ"
        manifest = self._carry_out(replace(plan, parameters=parameters), sides, lambda _found: None)
        try:
            self._check_shared_memory(manifest)
        except CorruptError:
            return preferred_whole(sides, side, text)
        return Merged(manifest, parameters, dropped=(f"some are as in {side_name(side)}: {text}",))

    def plan(self, base: Manifest | None, sides: Sequence[Manifest], rules: MergeRules) -> Merged:
        """The outcome of each parameter and the conflicts of `merge`; no value is combined.

        There's a manifest only if one side is taken as a whole. Arguments and errors are those of `merge`.
        """
        plan = self._planner().plan(base, sides, rules, fetch_values=False)
        return plan if isinstance(plan, Merged) else Merged(None, plan.as_in_files())

    def _planner(self) -> FilePlanner:
        version = self.version or partial(stored_version, store=self.store)
        read = partial(read_value, store=self.store)
        values = VersionValues(read, self._prepare, self.threads, self.store.temporary_file)
        return FilePlanner(version, self._fetch_missing, self.settings, values)

    def _prepare(self, entries: Sequence[Entry]) -> None:
        self._fetch_missing(entries)
        check_values(entries, self.store)

    def _carry_out(
        self,
        plan: MergePlan,
        sides: Sequence[Manifest],
        report: Callable[[NonFinite], object],
        report_loss: Callable[[Approximated], object] = lambda _found: None,
    ) -> Manifest:
        taken = {each.name: each.outcome.entry for each in plan.parameters if isinstance(each.outcome, Taken)}
        made = [each for each in plan.parameters if _is_made(each, plan.values)]
        kept = [taken[name] for name in taken.keys() - {each.name for each in made}]
        sources = {entry.digest: entry.source for side in reversed(sides) for entry in side.all_entries()}
        with Batch(self.store) as batch:
            writer = ValueWriter(self.store, batch, sources, self.known, self.updates, self.depth)
            combiner = Combiner(
                self.store,
                writer,
                self.known,
                self.depth,
                self.side_files,
                self.mapped,
                report,
                report_loss,
                plan.values,
            )
            combined = self._combine(parameter_groups(plan.parameters, plan.values), combiner)
            combined += [combiner.convert(each) for each in made]
            structure = _written(plan.structure, writer)
            written = finalize([*combined, *structure], batch)
        parameters, new_structure = written[: len(combined)], written[len(combined) :]
        if isinstance(plan.structure, TakenStructure):
            side = plan.structure.side
            name, size, entries = side.format, side.size, structure_entries(side)
        else:
            name, size, entries = plan.structure.format, plan.structure.size, tuple(new_structure)
        layout, *stretches = entries
        named = (_with_name(entry, plan.names) for entry in (*filter(None, kept), *parameters))
        everything = sorted((*named, *stretches), key=lambda entry: sort_key(entry.name))
        return completed(Manifest(name, size, layout, tuple(everything), plan.header), self.store, sides)

    def _combine(self, groups: Iterable[ParameterGroup], combiner: Combiner) -> list[StoredValue]:
        """The value of each parameter of each group."""

        def values(group: ParameterGroup) -> list[StoredValue]:
            if group.together:
                stored = combiner.combine_group(group.plans, group.rule, group.position)
            else:
                value = combiner.combine(group.plans[0], group.rule, group.position)
                stored = [replace(value, name=plan.name) for plan in group.plans]
            self.progress(sum(each.spec.nbytes for each in (stored if group.together else stored[:1])))
            return stored

        largest_first = sorted(groups, key=lambda group: -group.nbytes)
        inputs = [group.inputs for group in largest_first]
        weight = check_values(chain.from_iterable(inputs), self.store)
        together = weight.memory * max(map(len, inputs), default=0)
        small: list[SmallCombination] = []
        others: list[ParameterGroup] = []
        for group in largest_first:
            parameter = SmallCombination(group.plans[0], group.rule, group.inputs)
            if is_combined_as_one(parameter, combiner):
                small.append(parameter)
            else:
                others.append(group)
        tied = {group.plans[0].name: [plan.name for plan in group.plans] for group in largest_first}
        with ThreadPoolExecutor(affordable_threads(self.threads, together, self.store)) as pool:
            found = run_grouped(pool, values, others, lambda group: group.nbytes)
        stored = list(chain.from_iterable(found))
        for value in combine_small(combiner, small):
            self.progress(value.spec.nbytes)
            stored += (replace(value, name=name) for name in tied[value.name])
        return stored

    def _fetch_missing(self, entries: Iterable[Entry]) -> None:
        missing = lacking_values(entries, self.store)
        if missing:
            self.fetch(missing)

    def _check_shared_memory(self, manifest: Manifest) -> None:
        """Check that parameters that share memory agree, which rules may have changed.

        Raises:
            CorruptError: They don't.
        """
        smudger = Smudger(self.store, self.threads)
        if smudger.overlaps(manifest):
            self._fetch_missing(manifest.all_entries())
            handle = self.store.temporary_file()
            with open(handle, "rb"):
                smudger.smudge(manifest, handle)


def _with_name(entry: Entry, names: Mapping[str, str]) -> Entry:
    """An entry under its name in the merged file."""
    return replace(entry, name=names[entry.name]) if entry.name in names else entry


def _dropped(plan: MergePlan, base: Manifest | None, sides: Sequence[Manifest]) -> tuple[str, ...]:
    """Changes of a side that aren't in the result, in words."""
    found = [f"the key {key} of the manifest is as in ours" for key in header_conflicts(base, sides)]
    if isinstance(plan.structure, TakenStructure) and plan.structure.dropped:
        name = side_name(sides.index(plan.structure.side))
        found.append(f"all but the parameters is as in {name}, as the changes there can't be joined")
    return tuple(found)


def _is_made(plan: ParameterPlan, values: ConvertedValues) -> bool:
    """Whether a parameter is taken from a version, but isn't there as it will be in the result."""
    entry = plan.outcome.entry if isinstance(plan.outcome, Taken) else None
    return entry is not None and (values.has(entry) or plan.spec != entry.spec)


def _written(structure: TakenStructure | NewStructure, writer: ValueWriter) -> list[StoredValue]:
    """The layout and the stretches of a new structure."""
    if isinstance(structure, TakenStructure):
        return []
    parts = (("layout", structure.layout), *structure.stretches.items())
    return [writer.write(name, TensorSpec("U8", (len(data),)), memoryview(data)) for name, data in parts]
