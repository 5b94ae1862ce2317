"""Combine the values of one parameter by a strategy, and store the result: if possible as a recipe."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from git_theta.encoding.budget import is_affordable
from git_theta.encoding.decode import read_value
from git_theta.encoding.many_values import read_values
from git_theta.encoding.readable import as_readable
from git_theta.encoding.stored_value import StoredValue
from git_theta.encoding.value_writer import FindSources, ValueWriter
from git_theta.merging.converted import ConvertedValues
from git_theta.merging.dtypes import convert
from git_theta.merging.merged_values import ReadSideFile, counted_value, merged_group, merged_parameter
from git_theta.merging.outcome import Approximated, ParameterPlan, Taken
from git_theta.merging.rules import MergeRule
from git_theta.model.manifest import Entry, Source
from git_theta.model.sizes import source_bytes
from git_theta.model.strided import joined
from git_theta.model.tensor import TensorSpec
from git_theta.settings import DEPTH_FACTOR
from git_theta.store.local import LocalStore
from git_theta.strategies.counter import WHOLE_NUMBERS
from git_theta.strategies.merge_group import new_non_finite
from git_theta.strategies.merge_parameter import MergedParameter, NonFinite
from git_theta.updates.base import Input, Pieces
from git_theta.updates.rounding import round_to

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: Payload bytes of the inputs of a recipe, as a multiple of the value's bytes. With more, the value is stored
#: itself: each checkout would read and decode all inputs.
_MOST_ENCODED = 4.0

#: The bytes of a value that is in a mapped file as it is; `None` if it isn't.
ReadMapped = Callable[[Entry], memoryview | None]


@dataclass(frozen=True, slots=True)
class Combiner:
    """Computes and stores the values that rules make of several versions. Threads may share one.

    Attributes:
        store: The store of the inputs.
        writer: Stores the results.
        known: Finds sources of values that were stored before, by their digests.
        depth: The most updates that should stand on each other.
        side_files: Reads parameters of the side files that options name.
        mapped: Reads values that needn't be decoded.
        report: Called with elements of results that aren't finite, and were so in no model.
        report_loss: Called with groups whose values are an approximation.
        values: Values of versions that aren't as in their files.
    """

    store: LocalStore
    writer: ValueWriter
    known: FindSources
    depth: int
    side_files: ReadSideFile
    mapped: ReadMapped
    report: Callable[[NonFinite], object] = field(default=lambda _found: None)
    report_loss: Callable[[Approximated], object] = field(default=lambda _found: None)
    values: ConvertedValues = field(default_factory=ConvertedValues)

    def combine(self, plan: ParameterPlan, rule: MergeRule, position: float = 0.0) -> StoredValue:
        """The merged value of a parameter.

        Args:
            plan: The parameter.
            rule: Its outcome.
            position: Position of the parameter's layer.

        Raises:
            UsageError: The options don't fit the parameter or the number of models.
            PluginError: A strategy of a package fails.
            MissingObjectError: An input isn't in the store.
            CorruptError: An input is damaged.
        """
        assert plan.spec  # noqa: S101
        spec, inputs = plan.spec, plan.inputs
        if spec.dtype in WHOLE_NUMBERS:
            counted = counted_value(plan, rule, self.bytes_of)
            return self.writer.write(plan.name, spec, memoryview(counted), inputs)
        merged = merged_parameter(
            plan, rule, self.bytes_of, self.side_files, self.store.temporary_file, position, plan.dtype
        )
        is_stored = not plan.dtype and not any(map(self.values.has, inputs))
        stored = self._as_recipe(plan.name, spec, merged, inputs) if is_stored else None
        if stored is None:
            value = self._evaluated(merged.value(), spec)
            stored = self.writer.write(plan.name, spec, value, self.values.origins(inputs))
        found = merged.non_finite()
        if found is not None:
            self.report(found)
        return stored

    def convert(self, plan: ParameterPlan) -> StoredValue:
        """The value of a version, in the dtype and with the rows of the result.

        Args:
            plan: The parameter; its outcome is the version.

        Raises:
            MissingObjectError: A value that it's made of isn't in the store.
            CorruptError: Such a value is damaged.
        """
        assert plan.spec and isinstance(plan.outcome, Taken) and plan.outcome.entry  # noqa: S101, PT018
        entry, spec = plan.outcome.entry, plan.spec
        pieces = convert(self.bytes_of(entry), entry.spec, spec.dtype)
        return self.writer.write(plan.name, spec, self._evaluated(pieces, spec), self.values.origins([entry]))

    def combine_group(
        self, plans: Sequence[ParameterPlan], rule: MergeRule, position: float = 0.0
    ) -> list[StoredValue]:
        """The merged values of parameters that are combined together.

        Args:
            plans: The parameters of one group.
            rule: Their outcome.
            position: Position of their layer.

        Raises:
            UsageError: The options don't fit the number of models, or a value doesn't allow it.
            PluginError: A strategy of a package fails, or gives values of other shapes than it said.
            MissingObjectError: An input isn't in the store.
            CorruptError: An input is damaged.
        """
        merged, loss = merged_group(plans, rule, self.bytes_of, position)
        if loss:
            self.report_loss(loss)
        return [self._written(plan, merged[plan.name]) for plan in plans]

    def _written(self, plan: ParameterPlan, value: NDArray[np.float64]) -> StoredValue:
        assert plan.spec  # noqa: S101
        spec = plan.spec
        rounded = round_to(value.reshape(-1), spec.dtype)
        found = new_non_finite(plan.name, spec, rounded)
        if found:
            self.report(found)
        bases = [entry for entry in self.values.origins(plan.inputs) if entry.spec == spec]
        return self.writer.write(plan.name, spec, memoryview(rounded.tobytes()), bases)

    def _as_recipe(
        self, name: str, spec: TensorSpec, merged: MergedParameter, inputs: Sequence[Entry]
    ) -> StoredValue | None:
        """The value as one that exists, or as a recipe; `None` if its bytes must be stored."""
        recipe = merged.recipe()
        if recipe is None:
            return None
        same = merged.equal_input()
        if same is not None:
            return StoredValue(name, spec, inputs[same].digest, inputs[same].source)

        def evaluate() -> str | None:
            key = self.store.value_cache.write(merged.value(), spec.nbytes)
            # The bits of a NaN that comes out of an operation depend on the processor.
            return None if merged.has_nan else key

        return self.stored_recipe(name, spec, recipe, inputs, evaluate)

    def stored_recipe(
        self,
        name: str,
        spec: TensorSpec,
        recipe: tuple[bytes, tuple[int, ...]],
        inputs: Sequence[Entry],
        evaluate: Callable[[], str | None],
    ) -> StoredValue | None:
        """A value as one that exists, or as a recipe; `None` if its bytes must be stored.

        Args:
            name: The parameter's name.
            spec: Dtype and shape.
            recipe: The payload, and the indices of its inputs.
            inputs: The entries that are combined.
            evaluate: Gives the digest of the value, which is computed for that; `None` if the value mustn't
                be a recipe.
        """
        payload, used = recipe
        # The objects of a version's own source may be gone, and the result has no other source than this.
        sources = tuple(entry.source for entry in as_readable((inputs[i] for i in used), self.store))
        too_deep = max((source.depth for source in sources), default=0) >= DEPTH_FACTOR * self.depth
        together = Source("recipe", None, sources)
        if too_deep or source_bytes(together, spec.nbytes, self.store.size) > _MOST_ENCODED * spec.nbytes:
            return None
        if not is_affordable("recipe", payload, sources, spec.nbytes, self.store):
            return None
        digest = evaluate()
        if digest is None:
            return None
        for entry in inputs:
            if entry.digest == digest:
                return StoredValue(name, spec, digest, entry.source)
        known = self.known([digest]).get(digest)
        if known and self.writer.has(known):
            return StoredValue(name, spec, digest, known)
        return self.writer.write_derived(name, spec, digest, "recipe", payload, sources)

    def _evaluated(self, pieces: Pieces, spec: TensorSpec) -> memoryview:
        return joined(pieces, spec.nbytes, self.store.temporary_file)

    def bytes_of(self, entry: Entry) -> Input:
        """Reads the value of a version."""
        if self.values.has(entry):
            read = self.values.reader(entry, partial(read_value, store=self.store))
            return lambda _nbytes: read()
        mapped = self.mapped(entry)
        if mapped is not None:
            return lambda _nbytes: iter((mapped,))
        return lambda _nbytes: read_value(entry, self.store)

    def stored_values(self, entries: Sequence[Entry]) -> Iterator[Pieces]:
        """The bytes of values that are as in their files, in order; each to be read before the next."""
        mapped = [self.mapped(entry) for entry in entries]
        pairs = zip(entries, mapped, strict=True)
        others = read_values((entry for entry, value in pairs if value is None), self.store)
        for value in mapped:
            yield next(others) if value is None else iter((value,))
