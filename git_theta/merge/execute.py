"""Merging: carry out what `merge` planned: combine values, compose the rest of the file, make a manifest."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from git_theta import strategies
from git_theta.encoding.decode import read_value
from git_theta.encoding.value_writer import FindSource, StoredValue, ValueWriter, finalize
from git_theta.errors import CorruptError, ThetaError
from git_theta.formats.base import ComposeError, FileVersion
from git_theta.formats.compose import Composed, compose_file
from git_theta.formats.split import OPAQUE
from git_theta.merge.plan import (
    LAYOUT,
    Conflict,
    Step,
    Taken,
    content,
    parameters,
    preferred_side,
    rest,
    steps,
)
from git_theta.merge.rules import MergeRule, MergeRules
from git_theta.model.manifest import Entry, Manifest, sort_key
from git_theta.model.sizes import payload_bytes
from git_theta.model.strided import scratch
from git_theta.model.tensor import TensorSpec
from git_theta.model.three_way import trivial_merge
from git_theta.runtime.threads import run_all
from git_theta.settings import DEEPEST, DEPTH
from git_theta.smudge import Smudger
from git_theta.store.batch import Batch
from git_theta.store.local import LocalStore
from git_theta.strategies.merge_parameter import MergedParameter, ParameterInputs, merge_parameter
from git_theta.strategies.option_text import parse
from git_theta.updates import AUTO
from git_theta.updates.base import Input, Pieces

#: A recipe whose inputs have more payload bytes than this many times the value is stored as a value:
#: each check-out would read and decode all of them.
_MOST_ENCODED = 4.0

#: Reads side files: path and name of a parameter → its dtype, shape and bytes.
ReadSideFile = Callable[[str, str], tuple[TensorSpec, Input]]


@dataclass(frozen=True, slots=True)
class Merged:
    """The result of a merge.

    Attributes:
        manifest: The merged checkpoint; `None` if there are conflicts.
        steps: What became of each parameter; empty if the file was taken as a whole.
        conflicts: What a person must decide.
    """

    manifest: Manifest | None
    steps: tuple[Step, ...] = ()
    conflicts: tuple[Conflict, ...] = ()


def _nothing_to_fetch(_entries: Iterable[Entry]) -> None:
    pass


def _no_side_files(path: str, _name: str) -> tuple[TensorSpec, Input]:
    raise ThetaError(f"{path}: side files can't be read here")


@dataclass(frozen=True, slots=True)
class Merger:
    """Everything that merging needs besides the manifests.

    Attributes:
        store: Where objects are, and go.
        known: Looks a digest up in everything stored so far.
        threads: How many parameters to work on at once.
        progress: Called with the number of bytes of each combined parameter.
        updates: Names of the updates that may be chosen for values that no recipe makes.
        depth: How many updates should stand on each other at most.
        side_files: Reads parameters of the side files that options name.
        at_hand: Gives bytes of values that needn't be read from the store.
        fetch: Called with what is about to be read and isn't in the store, so that it can be brought here.
    """

    store: LocalStore
    known: FindSource = lambda _digest: None
    threads: int = 1
    progress: Callable[[int], object] = field(default=lambda _count: None)
    updates: Sequence[str] = AUTO
    depth: int = DEPTH
    side_files: ReadSideFile = _no_side_files
    at_hand: Callable[[Entry], memoryview | None] = field(default=lambda _entry: None)
    fetch: Callable[[Iterable[Entry]], object] = _nothing_to_fetch

    def merge(self, base: Manifest | None, sides: Sequence[Manifest], rules: MergeRules) -> Merged:
        """Merge checkpoints.

        Args:
            base: The merge base; `None` if there's none.
            sides: Ours, then theirs, and more in an octopus merge.
            rules: Those for this file.

        Returns:
            The merged checkpoint, or what stands in its way; nothing is combined then.

        Raises:
            UsageError: A rule makes no sense.
            MissingObjectError: A value that's needed isn't in the store.
            CorruptError: It's damaged.
        """
        plan, found = self._plan(base, sides, rules, combining=True)
        if found is None or plan.conflicts:
            return plan
        manifest = self._carry_out(plan.steps, sides, found)
        try:
            self._check(manifest)
        except CorruptError as error:
            return Merged(None, plan.steps, (Conflict(LAYOUT, error.message),))
        return Merged(manifest, plan.steps)

    def plan(self, base: Manifest | None, sides: Sequence[Manifest], rules: MergeRules) -> Merged:
        """What `merge` would do, without combining anything: there's no manifest where it would make one.

        Raises:
            ThetaError: As for `merge`.
        """
        return self._plan(base, sides, rules, combining=False)[0]

    def _plan(
        self, base: Manifest | None, sides: Sequence[Manifest], rules: MergeRules, *, combining: bool
    ) -> tuple[Merged, _Rest | None]:
        """The plan and the rest of the file, which isn't there if the file is taken as a whole."""
        whole = _as_a_whole(base, sides, rules)
        if whole:
            return whole, None
        plan = tuple(steps(base, sides, rules))
        conflicts = [step.outcome for step in plan if isinstance(step.outcome, Conflict)]
        wanted = {step.name: step.likely.spec for step in plan if step.likely}
        values = [entry for step in plan for entry in _inputs(step)] if combining and not conflicts else []
        self._bring([*values, *(entry for one in (base, *sides) for entry in rest(one))])
        found = self._rest(base, sides, wanted, rules)
        formats = dict.fromkeys(one.format for one in (*sides, *([base] if base else [])))
        if found.conflicts and len(formats) > 1:
            # Parts of files of different formats don't go together.
            return _whole_side(sides, rules, f"versions have different formats: {', '.join(formats)}"), None
        return Merged(None, plan, (*conflicts, *found.conflicts)), found

    def _bring(self, entries: Iterable[Entry]) -> None:
        absent = [e for e in entries if not all(self.store.has(ref.oid) for ref in e.source.payloads())]
        if absent:
            self.fetch(absent)

    def _carry_out(self, plan: Sequence[Step], sides: Sequence[Manifest], found: _Rest) -> Manifest:
        entries = [s.outcome.entry for s in plan if isinstance(s.outcome, Taken) and s.outcome.entry]
        groups: dict[object, list[Step]] = defaultdict(list)
        for step in plan:
            if isinstance(step.outcome, MergeRule):
                # Parameters that share memory have equal values everywhere, and must stay so.
                digests = tuple(side and side.digest for side in (step.base, *step.sides))
                groups[step.outcome, step.sides[0] and step.sides[0].spec, digests].append(step)
        sources = {e.digest: e.source for side in reversed(sides) for e in side.all_entries()}
        with Batch(self.store) as batch:
            writer = ValueWriter(self.store, batch, sources, self.known, self.updates, self.depth)
            with ThreadPoolExecutor(self.threads) as pool:
                largest_first = sorted(groups.values(), key=lambda group: -_size(group))
                made = run_all(pool, lambda group: self._combine(group[0], writer), largest_first)
            kept = [
                replace(value, name=step.name)
                for value, group in zip(made, largest_first, strict=True)
                for step in group
            ]
            new = [writer.write(name, _bytes(len(data)), data) for name, data in found.new]
            written = finalize([*kept, *new], batch)
        layout, *stretches = found.taken or written[len(kept) :]
        entries += [*written[: len(kept)], *stretches]
        entries.sort(key=lambda entry: sort_key(entry.name))
        return Manifest(found.format, found.size, layout, tuple(entries), found.extra)

    def _combine(self, step: Step, writer: ValueWriter) -> StoredValue:
        """The value that a strategy makes, as a recipe where that's possible."""
        assert isinstance(step.outcome, MergeRule)  # noqa: S101
        rule, indices = step.outcome, step.changed
        inputs = _inputs(step)
        models, base = inputs[: len(indices)], next(iter(inputs[len(indices) :]), None)
        spec = models[0].spec
        strategy = strategies.registry().get(rule.strategy)
        options = parse(strategy, _for_changed_sides(rule, indices, len(step.sides)))
        values = ParameterInputs(
            step.name,
            spec,
            [self._input(model) for model in models],
            self._input(base) if base else None,
            [self.side_files(path, step.name) for path in options.files],
        )
        combined = merge_parameter(strategy, options.values, values, self.store.temporary_file)
        kept = self._as_recipe(step.name, spec, combined, inputs, writer)
        if kept is None:
            kept = writer.write(step.name, spec, self._held(combined.value(), spec), inputs)
        self.progress(spec.nbytes)
        return kept

    def _as_recipe(
        self,
        name: str,
        spec: TensorSpec,
        combined: MergedParameter,
        inputs: Sequence[Entry],
        writer: ValueWriter,
    ) -> StoredValue | None:
        recipe = combined.recipe()
        if recipe is None:
            return None
        same = combined.equal_input()
        if same is not None:
            return StoredValue(name, spec, inputs[same].digest, inputs[same].source)
        payload, used = recipe
        sources = tuple(inputs[i].source for i in used)
        refs = [ref for source in sources for ref in source.payloads()]
        if (
            max((source.depth for source in sources), default=0) >= DEEPEST * self.depth
            or payload_bytes(refs, self.store.size) > _MOST_ENCODED * spec.nbytes
        ):
            return None
        digest = self.store.value_cache.write(combined.value(), spec.nbytes)
        if combined.has_nan:
            # Which NaN comes out of an operation depends on the processor.
            return None
        for entry in inputs:
            if entry.digest == digest:
                return StoredValue(name, spec, digest, entry.source)
        known = self.known(digest)
        if known and writer.has(known):
            return StoredValue(name, spec, digest, known)
        return writer.write_derived(name, spec, digest, "recipe", payload, sources)

    def _held(self, pieces: Pieces, spec: TensorSpec) -> memoryview:
        value = scratch(spec.nbytes, self.store.temporary_file)
        at = 0
        for piece in pieces:
            value[at : at + len(piece)] = piece
            at += len(piece)
        return value

    def _input(self, entry: Entry) -> Input:
        found = self.at_hand(entry)
        if found is not None:
            return lambda _nbytes: iter((found,))
        return lambda _nbytes: read_value(entry, self.store)

    def _rest(
        self,
        base: Manifest | None,
        sides: Sequence[Manifest],
        wanted: Mapping[str, TensorSpec],
        rules: MergeRules,
    ) -> _Rest:
        """What merges to all that isn't parameters."""
        extra = _extra(base, sides)
        keys = [_rest_key(side) for side in sides]
        standing = trivial_merge(_rest_key(base), keys)
        index = preferred_side(LAYOUT, rules)
        preferred = () if index is None else (sides[index],)
        for side in preferred if standing is None else sides:
            fits = {entry.name: entry.spec for entry in parameters(side)} == wanted
            if fits and (side in preferred or (standing is not None and _rest_key(side) == keys[standing])):
                return _Rest(side.format, side.size, rest(side), extra=extra)
        formats = [one.format for one in (*sides, *([base] if base else []))]
        if len(set(formats)) > 1:
            reason = f"versions have different formats: {', '.join(dict.fromkeys(formats))}"
            return _Rest(conflicts=(Conflict(LAYOUT, reason),))
        try:
            composed = self._compose(base, sides, wanted, rules)
        except ComposeError as error:
            return _Rest(conflicts=(Conflict(LAYOUT, error.message),))
        conflicts = tuple(
            Conflict(name, "changed to different values on both sides") for name in composed.conflicts
        )
        new = (("layout", composed.layout.to_bytes()), *composed.stretches.items())
        views = tuple((name, memoryview(data)) for name, data in new)
        return _Rest(formats[0], composed.layout.size, (), views, conflicts, extra)

    def _compose(
        self,
        base: Manifest | None,
        sides: Sequence[Manifest],
        wanted: Mapping[str, TensorSpec],
        rules: MergeRules,
    ) -> Composed:
        smudger = Smudger(self.store)

        def version(manifest: Manifest) -> FileVersion:
            return FileVersion(smudger.layout(manifest), smudger.skeleton(manifest))

        return compose_file(
            sides[0].format,
            version(base) if base else None,
            [*map(version, sides)],
            wanted,
            lambda name: preferred_side(name, rules),
        )

    def _check(self, manifest: Manifest) -> None:
        """Parameters that share memory must agree; rules may have said otherwise."""
        smudger = Smudger(self.store, self.threads)
        if smudger.overlaps(manifest):
            self._bring(manifest.all_entries())
            handle = self.store.temporary_file()
            with open(handle, "rb"):
                smudger.smudge(manifest, handle)


@dataclass(frozen=True, slots=True)
class _Rest:
    """What merged to all that isn't parameters.

    Attributes:
        format: Of the file.
        size: Of the file, in bytes.
        taken: A side's layout and its stretches, if these are it.
        new: Else names and bytes of a new layout and its stretches, in this order.
        conflicts: What stands in the way.
        extra: The manifest's header keys that this version doesn't know.
    """

    format: str = ""
    size: int = 0
    taken: tuple[Entry, ...] = ()
    new: tuple[tuple[str, memoryview], ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    extra: tuple[tuple[str, str], ...] = ()


def _inputs(step: Step) -> list[Entry]:
    """What a strategy is given: the models that changed, then the base if it's of the same kind."""
    if not isinstance(step.outcome, MergeRule):
        return []
    models = [side for side in (step.sides[i] for i in step.changed) if side]
    return [*models, *([step.base] if step.base and step.base.spec == models[0].spec else [])]


def _rest_key(manifest: Manifest | None) -> Hashable:
    return tuple((entry.name, entry.spec, entry.digest) for entry in rest(manifest)) or None


def _bytes(count: int) -> TensorSpec:
    return TensorSpec("U8", (count,))


def _as_a_whole(base: Manifest | None, sides: Sequence[Manifest], rules: MergeRules) -> Merged | None:
    """The merge of files of which equality tells, or whose parts don't go together."""
    index = trivial_merge(content(base), [content(side) for side in sides])
    if index is not None:
        return Merged(sides[index])
    if all(side.format != OPAQUE for side in sides):
        return None
    return _whole_side(sides, rules, "changed on both sides, and not in a format that has parameters")


def _whole_side(sides: Sequence[Manifest], rules: MergeRules, reason: str) -> Merged:
    """The side that the rules take for the whole file; else a conflict."""
    index = preferred_side("", rules)
    return Merged(None, (), (Conflict("", reason),)) if index is None else Merged(sides[index])


def _extra(base: Manifest | None, sides: Sequence[Manifest]) -> tuple[tuple[str, str], ...]:
    """Unknown header keys: by equality, else ours."""
    before = dict(base.extra) if base else {}
    tables = [dict(side.extra) for side in sides]
    merged: dict[str, str] = {}
    for key in sorted({*before, *(key for table in tables for key in table)}):
        values = [table.get(key) for table in tables]
        value = values[trivial_merge(before.get(key), values) or 0]
        if value is not None:
            merged[key] = value
    return tuple(sorted(merged.items()))


def _for_changed_sides(rule: MergeRule, changed: Sequence[int], sides: int) -> dict[str, str]:
    """A rule's options; of each list with one element for each side, the elements of the changed sides."""
    options = {}
    for key, text in rule.options:
        words = text.split(",")
        options[key] = ",".join(words[i] for i in changed) if len(words) == sides else text
    return options


def _size(group: Iterable[Step]) -> int:
    return max(step.likely.spec.nbytes for step in group if step.likely)
