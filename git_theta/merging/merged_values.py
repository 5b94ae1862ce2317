"""The values that rules make of versions of parameters, computed and not stored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from git_theta import strategies
from git_theta.merging.outcome import Approximated, ParameterPlan
from git_theta.merging.rules import MergeRule
from git_theta.model.manifest import Entry
from git_theta.model.strided import Temporary
from git_theta.model.tensor import TensorSpec, numpy_dtype
from git_theta.strategies.counter import CounterRule
from git_theta.strategies.groups import GroupStrategy
from git_theta.strategies.merge_group import merge_group
from git_theta.strategies.merge_parameter import MergedParameter, ParameterInputs, merge_parameter
from git_theta.strategies.option_text import parse_options
from git_theta.updates.base import Input
from git_theta.updates.rounding import widen

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from git_theta.strategies.groups import Values

#: A share of a result that isn't worth a word: less than what rounding takes.
_NEGLIGIBLE = 1e-4

#: Reads side files: path and name of a parameter → its dtype, shape and bytes.
ReadSideFile = Callable[[str, str], tuple[TensorSpec, Input]]


def merged_parameter(
    plan: ParameterPlan,
    rule: MergeRule,
    read: Callable[[Entry], Input],
    side_files: ReadSideFile,
    temporary: Temporary,
    position: float = 0.0,
    dtype: str = "",
) -> MergedParameter:
    """The value that a rule makes of the versions of a parameter, not evaluated yet.

    Args:
        plan: The parameter; its outcome is the rule.
        rule: The rule.
        read: Reads the value of a version.
        side_files: Reads parameters of the side files that options name.
        temporary: Makes a descriptor of an unlinked temporary file, for values that are too large for memory.
        position: Position of the parameter's layer, for options that are gradients.
        dtype: Dtype of the result; empty for that of the versions.

    Raises:
        UsageError: The options don't fit the parameter or the number of models.
        PluginError: A strategy of a package fails.
    """
    strategy = strategies.registry().get(rule.strategy)
    options = parse_options(strategy, dict(rule.of_sides(plan.models, len(plan.sides)).options), position)
    inputs, count = plan.inputs, len(plan.models)
    values = [read(entry) for entry in inputs]
    versions = ParameterInputs(
        plan.name,
        inputs[0].spec,
        values[:count],
        values[count] if len(values) > count else None,
        [side_files(path, plan.name) for path in options.files],
        dtype,
    )
    with strategies.registry().guard(rule.strategy):
        return merge_parameter(strategy, options.values, versions, temporary)


def counted_value(plan: ParameterPlan, rule: MergeRule, read: Callable[[Entry], Input]) -> bytes:
    """The bytes of a value of whole numbers, which counters alone are combined to.

    Args:
        plan: The parameter; its outcome is the rule.
        rule: The rule.
        read: Reads the value of a version.
    """
    import numpy as np

    strategy = strategies.registry().get(rule.strategy)
    assert isinstance(strategy, CounterRule)  # noqa: S101
    spec, count = plan.inputs[0].spec, len(plan.models)
    kind = numpy_dtype(spec.dtype)
    arrays = [np.frombuffer(b"".join(read(entry)(spec.nbytes)), kind) for entry in plan.inputs]
    base = arrays[count] if len(arrays) > count else None
    return strategy.count(arrays[:count], base, parse_options(strategy, dict(rule.options)).values).tobytes()


def merged_group(
    plans: Sequence[ParameterPlan], rule: MergeRule, read: Callable[[Entry], Input], position: float = 0.0
) -> tuple[Values, Approximated | None]:
    """The values that a rule makes of parameters together, not rounded yet, and what they lack.

    Args:
        plans: The parameters of one group; their outcome is the rule.
        rule: The rule.
        read: Reads the value of a version.
        position: Position of the layer, for options that are gradients.

    Raises:
        UsageError: The options don't fit the number of models, or a value doesn't allow it.
        PluginError: A strategy of a package fails, or gives values of other shapes than it said.
    """
    strategy, group = strategies.registry().get(rule.strategy), plans[0].group
    assert isinstance(strategy, GroupStrategy)  # noqa: S101
    assert group  # noqa: S101
    texts = dict(rule.of_sides(group.models, len(plans[0].sides)).options)
    options = parse_options(strategy, texts, position).values
    there = zip(*(plan.inputs for plan in plans), strict=True)
    versions = [*group.case.models, *([group.case.base] if group.case.base else [])]
    values: list[Values] = [
        {plan.name: _numbers(entry, read) for plan, entry in zip(plans, next(there), strict=True)}
        if version.specs
        else {}
        for version in versions
    ]
    with strategies.registry().guard(rule.strategy):
        merged = merge_group(strategy, options, group.case, group.specs, values)
    if merged.kept >= 1 - _NEGLIGIBLE:
        return merged.values, None
    loss = Approximated(group.case.group, rule.strategy, merged.kept, strategy.alternative)
    return merged.values, loss


def _numbers(entry: Entry, read: Callable[[Entry], Input]) -> NDArray[np.float64]:
    import numpy as np

    data = b"".join(read(entry)(entry.spec.nbytes))
    words = np.frombuffer(data, f"<u{entry.spec.word_size}")
    return widen(words, entry.spec.dtype).reshape(entry.spec.shape)
