"""Small parameters, many of which are combined at once: element-wise methods see no ends of parameters."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain

from git_theta import strategies
from git_theta.encoding.small_values import SMALL_VALUE, SmallValue, are_bundled, write_small
from git_theta.encoding.stored_value import StoredValue
from git_theta.merging.combine import Combiner
from git_theta.merging.outcome import ParameterPlan
from git_theta.merging.rules import MergeRule
from git_theta.model.digest import digest
from git_theta.model.manifest import Entry
from git_theta.model.tensor import TensorSpec
from git_theta.runtime.slabs import slabs
from git_theta.strategies.gradients import has_gradient
from git_theta.strategies.merge_parameter import MergedParameter, ParameterInputs, merge_parameter
from git_theta.strategies.option_text import FILES, parse_options
from git_theta.updates.base import Input, Pieces
from git_theta.updates.rounding import COMPUTABLE

#: Strategies whose result has at each element what follows from the elements there alone.
ELEMENTWISE = frozenset(
    ("average", "average-all", "average-ours-base", "average-theirs-base", "linear", "task-arithmetic")
)

#: Bytes up to which a combined value is stored itself: a recipe names all of its inputs, in more bytes, and
#: every checkout would compute the value anew.
_AS_BYTES = 256

#: Bytes of values that are combined at once.
_SLAB = 1 << 20


@dataclass(frozen=True, slots=True)
class SmallCombination:
    """A small parameter that is to be combined.

    Attributes:
        plan: The parameter.
        rule: The rule that combines it.
        inputs: The entries to combine: the sides that take part, then the base.
    """

    plan: ParameterPlan
    rule: MergeRule
    inputs: tuple[Entry, ...]

    @property
    def spec(self) -> TensorSpec:
        """Dtype and shape of the value."""
        return self.inputs[0].spec


def is_combined_as_one(parameter: SmallCombination, combiner: Combiner) -> bool:
    """Whether a parameter may be combined with others at once."""
    plan, rule, spec = parameter.plan, parameter.rule, parameter.spec
    return (
        rule.strategy in ELEMENTWISE
        and spec.nbytes <= SMALL_VALUE
        and spec.dtype in COMPUTABLE
        and not (plan.group or plan.dtype)
        and not any(name == FILES or has_gradient(text) for name, text in rule.options)
        and not (combiner.values and any(map(combiner.values.has, plan.inputs)))
        and are_bundled(combiner.writer.updates)
    )


def combine_small(combiner: Combiner, parameters: Sequence[SmallCombination]) -> Iterator[StoredValue]:
    """The merged values of small parameters, in no particular order.

    Raises:
        ThetaError: As for `Combiner.combine`.
    """
    alike: dict[object, list[SmallCombination]] = defaultdict(list)
    for each in sorted(parameters, key=lambda each: (-each.spec.nbytes, each.plan.name)):
        alike[each.rule, each.plan.models, len(each.inputs), each.spec.dtype].append(each)
    for group in alike.values():
        for slab in slabs(group, lambda each: each.spec.nbytes, _SLAB):
            yield from _combine_slab(combiner, slab)


def _combine_slab(combiner: Combiner, slab: Sequence[SmallCombination]) -> Iterator[StoredValue]:
    """The merged values of parameters of one dtype, which one rule combines from the same sides."""
    merged = _merged(combiner, slab)
    same = merged.equal_input()
    if same is not None:
        for each in slab:
            entry = each.inputs[same]
            yield StoredValue(each.plan.name, entry.spec, entry.digest, entry.source)
        return
    data = b"".join(merged.value())
    if merged.has_nan or merged.non_finite():
        # The parameters with such elements are stored, and told, otherwise than the others.
        yield from (combiner.combine(each.plan, each.rule) for each in slab)
        return
    recipe = merged.recipe()
    as_bytes: list[SmallValue] = []
    end = 0
    for each in slab:
        name, spec = each.plan.name, each.spec
        value = memoryview(data)[end : end + spec.nbytes]
        end += spec.nbytes
        stored = None
        if recipe and spec.nbytes > _AS_BYTES:
            stored = combiner.stored_recipe(name, spec, recipe, each.inputs, partial(digest, value))
        if stored:
            yield stored
        else:
            as_bytes.append(SmallValue(name, spec, partial(_same, value), each.inputs))
    yield from write_small(combiner.writer, as_bytes)


def _merged(combiner: Combiner, slab: Sequence[SmallCombination]) -> MergedParameter:
    """The merged values of parameters, one after another, as if they were one."""
    first, rule = slab[0].plan, slab[0].rule
    strategy = strategies.registry().get(rule.strategy)
    options = parse_options(strategy, dict(rule.of_sides(first.models, len(first.sides)).options))
    elements = sum(each.spec.count for each in slab)
    values = [
        _joined(combiner, [each.inputs[place] for each in slab]) for place in range(len(slab[0].inputs))
    ]
    count = len(first.models)
    inputs = ParameterInputs(
        first.name,
        TensorSpec(slab[0].spec.dtype, (elements,)),
        values[:count],
        values[count] if len(values) > count else None,
    )
    return merge_parameter(strategy, options.values, inputs, combiner.store.temporary_file)


def _joined(combiner: Combiner, entries: Sequence[Entry]) -> Input:
    """The values of parameters in one version, one after another."""

    def read(_nbytes: int) -> Pieces:
        return chain.from_iterable(combiner.stored_values(entries))

    return read


def _same(value: memoryview) -> memoryview:
    return value
