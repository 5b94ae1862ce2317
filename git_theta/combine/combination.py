"""A combination of models that is planned and still to be carried out, and the values of its parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING

from git_theta.combine.model import Model
from git_theta.merging.converted import ConvertedValues
from git_theta.merging.dtypes import convert
from git_theta.merging.merged_values import ReadSideFile, counted_value, merged_group, merged_parameter
from git_theta.merging.outcome import Approximated, ParameterPlan, Taken
from git_theta.merging.rules import MergeRule
from git_theta.merging.settings_versions import Settings
from git_theta.model.layout import Layout
from git_theta.model.manifest import Entry
from git_theta.model.strided import Temporary, temporary_file
from git_theta.model.tensor import TensorSpec
from git_theta.strategies.counter import WHOLE_NUMBERS
from git_theta.strategies.merge_group import new_non_finite
from git_theta.strategies.merge_parameter import NonFinite
from git_theta.updates.base import Input, Pieces
from git_theta.updates.rounding import round_to

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Structure:
    """A file without its parameters.

    Attributes:
        layout: The bytes around the parameters, and their places.
        stretches: Names of `U8` parameters of the layout that aren't parameters of the model → size in bytes,
            and reader.
        names: Name of a parameter → its name in the file; only where they differ.
    """

    layout: Layout
    stretches: Mapping[str, tuple[int, Callable[[], Pieces]]] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Combination:
    """A combination of models, without conflicts.

    Attributes:
        parameters: The parameters of the result: each is taken from a model, or made by a rule.
        specs: Dtype and shape of each in the result.
        positions: Positions of layers, of the parameters whose rules have gradients; see `positions_of`.
        models: All models, the base among them.
        structure: The file; `None` if no file is wanted.
        kept: Parameters that can't be combined, and are as in the first model that has them.
        notes: Further remarks for the user.
        values: Values of models that aren't as in their files.
        settings: Name → settings, of files that tell what values of the result mean, such as an adapter's.
    """

    parameters: tuple[ParameterPlan, ...]
    specs: Mapping[str, TensorSpec]
    positions: Mapping[str, float]
    models: tuple[Model, ...]
    structure: Structure | None
    kept: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    values: ConvertedValues = field(default_factory=ConvertedValues)
    settings: Mapping[str, Settings] = field(default_factory=dict)

    @property
    def inputs(self) -> list[Entry]:
        """The values that are read: for each parameter, those that it's made of."""
        return self.values.origins(entry for plan in self.parameters for entry in inputs_of(plan))


def inputs_of(plan: ParameterPlan) -> Sequence[Entry]:
    """The values that a parameter is made of."""
    if isinstance(plan.outcome, Taken):
        return [plan.outcome.entry] if plan.outcome.entry else []
    return plan.inputs


class CombinedValues:
    """The values of a combination, computed when they are asked for. Threads may share one.

    Args:
        combination: The combination.
        side_files: Reads parameters of the side files that options name.
        temporary: Makes a descriptor of an unlinked temporary file, for values that are too large for memory.
        report: Called with elements of results that aren't finite, and were so in no model.
        report_loss: Called with groups of parameters whose values are an approximation.
    """

    def __init__(
        self,
        combination: Combination,
        side_files: ReadSideFile,
        temporary: Temporary = temporary_file,
        report: Callable[[NonFinite], object] = lambda _found: None,
        report_loss: Callable[[Approximated], object] = lambda _found: None,
    ) -> None:
        self._plans = {plan.name: plan for plan in combination.parameters}
        self._combination = combination
        self._side_files = side_files
        self._temporary = temporary
        self._report = report
        self._report_loss = report_loss
        self._groups: dict[int, dict[str, NDArray[np.float64]]] = {}
        self._turn = Lock()
        self._owners = owners_of(combination.models)

    def pieces(self, name: str) -> Pieces:
        """The bytes of a value in the dtype of the result; each piece is valid until the next is asked for.

        Raises:
            KeyError: There's no such parameter.
            ThetaError: The value can't be made.
        """
        plan, spec = self._plans[name], self._combination.specs[name]
        outcome = plan.outcome
        if isinstance(outcome, Taken):
            assert outcome.entry is not None  # noqa: S101
            read = self._read(outcome.entry)
            yield from convert(read, outcome.entry.spec, spec.dtype)
            return
        assert isinstance(outcome, MergeRule)  # noqa: S101
        if plan.group:
            rounded = round_to(self._of_group(plan).reshape(-1), spec.dtype)
            non_finite = new_non_finite(name, spec, rounded)
            if non_finite:
                self._report(non_finite)
            yield memoryview(rounded.tobytes())
            return
        if plan.inputs[0].spec.dtype in WHOLE_NUMBERS:
            yield memoryview(counted_value(plan, outcome, self._read))
            return
        position = self._combination.positions.get(name, 0.0)
        merged = merged_parameter(
            plan, outcome, self._read, self._side_files, self._temporary, position, spec.dtype
        )
        yield from merged.value()
        found = merged.non_finite()
        if found is not None:
            self._report(found)

    def _of_group(self, plan: ParameterPlan) -> NDArray[np.float64]:
        """The value of a parameter that is combined with others; theirs are kept until they're asked for."""
        key = id(plan.group)
        with self._turn:
            if plan.name not in self._groups.get(key, {}):
                self._groups[key] = self._whole_group(plan)
            value = self._groups[key].pop(plan.name)
            if not self._groups[key]:
                del self._groups[key]
            return value

    def _whole_group(self, plan: ParameterPlan) -> dict[str, NDArray[np.float64]]:
        assert isinstance(plan.outcome, MergeRule)  # noqa: S101
        members = [each for each in self._plans.values() if each.group is plan.group]
        position = self._combination.positions.get(plan.name, 0.0)
        values, loss = merged_group(members, plan.outcome, self._read, position)
        if loss:
            self._report_loss(loss)
        return dict(values)

    def _read(self, entry: Entry) -> Input:
        read = self._combination.values.reader(entry, lambda each: self._owners[each.digest].read(each))
        return lambda _nbytes: read()


def prepare(combination: Combination) -> int:
    """Bring all values here that are read; returns the bytes of memory that reading takes for a parameter.

    Raises:
        MissingObjectError: A value is nowhere.
        ExcessError: A value takes more than the limits allow.
    """
    owners = owners_of(combination.models)
    wanted = combination.inputs
    memory = [
        model.prepare(entry for entry in wanted if owners[entry.digest] is model)
        for model in combination.models
    ]
    return sum(memory)


def owners_of(models: Iterable[Model]) -> dict[str, Model]:
    """Digest → the first model that has the value."""
    found: dict[str, Model] = {}
    for model in models:
        for entry in model.manifest.entries:
            found.setdefault(entry.digest, model)
    return found
