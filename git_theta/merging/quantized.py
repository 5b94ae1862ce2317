"""Parameters whose values mean something only together: a quantised weight, its scales and its zero points.

The codes of one side under the scale of another are other weights, and so is the average of both. So such a
group is decided as one: it's taken from the only side that changed it, or from a side that a rule names.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from git_theta import strategies
from git_theta.merging.outcome import Conflict, ParameterPlan, Taken, content_key
from git_theta.merging.rules import MergeRule, MergeRules
from git_theta.merging.standing_rules import DEFAULT_PLACE
from git_theta.model.array_parts import is_compressed_part
from git_theta.model.manifest import Entry
from git_theta.model.quantized_weights import weight_of
from git_theta.model.tensor import SCALED_BLOCKS
from git_theta.model.three_way import trivial_merge
from git_theta.strategies.take_side import TakeSide
from git_theta.updates.rounding import ARITHMETIC

#: Dtypes of integers that count or choose, rather than codes of weights.
_NO_CODES = frozenset(("I64", "U64", "BOOL", "C32", "C64", "C128"))

#: The parameter of a quantised layer that means something by itself.
_BIAS = "bias"

#: Names that a message lists.
_SHOWN = 4


@dataclass(frozen=True, slots=True)
class QuantizedGroup:
    """The parameters of a quantised weight.

    Attributes:
        names: Their names, two or more, the weight first if it has one.
        is_named: Whether their names say that they belong together, and not just their place beside codes.
    """

    names: tuple[str, ...]
    is_named: bool = True


def quantized_groups(plans: Iterable[ParameterPlan]) -> list[QuantizedGroup]:
    """The groups among the parameters of a merge; time is in proportion to their number."""
    table = {plan.name: plan for plan in plans}
    members: dict[str, list[str]] = defaultdict(list)
    weights = {name: weight_of(name, table) for name in table}
    for name, key in weights.items():
        if key is not None:
            members[key].append(name)
    for module in _layers_of_codes(table, weights):
        for name in module.names:
            key = weights[name]
            if key is None or (key not in table and members[key] == [name]):
                members.pop(key or "", None)
                members[module.weight].append(name)
    groups = []
    for key, companions in members.items():
        names = tuple(dict.fromkeys((*([key] if key in table else []), *companions)))
        if len(names) > 1 and any(_has_codes(table[name]) for name in names):
            groups.append(QuantizedGroup(names, any(weights[name] == key for name in companions)))
    return groups


@dataclass(frozen=True, slots=True)
class _Layer:
    """A layer with codes that changed, whose parameters' names don't tell what belongs to what.

    Attributes:
        weight: The name of its weight, also if there's no such parameter.
        names: Its parameters, but for the bias.
    """

    weight: str
    names: tuple[str, ...]


def _layers_of_codes(table: Mapping[str, ParameterPlan], weights: Mapping[str, str | None]) -> list[_Layer]:
    """The layers that have changed codes beside other parameters.

    Integers that a standing rule decides about are something else, such as the state of a random generator.
    Values that can be decoded alone are codes only in a layer that has a parameter with a name of scales.
    """
    scaled = {_layer(name) for name, weight in weights.items() if weight is not None}
    coded = dict.fromkeys(
        _layer(name)
        for name, plan in table.items()
        if _has_codes(plan)
        and weights[name] in (None, f"{_layer(name)}weight")
        and (_layer(name) in scaled or not _is_decoded_alone(plan))
        and not (isinstance(plan.outcome, Taken) and _is_standing(plan.outcome.rule))
        and not isinstance(plan.outcome, MergeRule)
        and not any(entry.spec.dtype in _NO_CODES or entry.spec.count < 2 for entry in _entries(plan))
        and plan.changed
    )
    names: dict[str, list[str]] = {layer: [] for layer in coded if layer}
    for name in table if names else ():
        layer = _layer(name)
        if layer in names and name != f"{layer}{_BIAS}":
            names[layer].append(name)
    return [_Layer(f"{layer}weight", tuple(found)) for layer, found in names.items()]


def _is_decoded_alone(plan: ParameterPlan) -> bool:
    """Whether the values of a parameter need no scales: they have blocks with scales, or are compressed."""
    specs = [entry.spec for entry in _entries(plan)]
    return all(spec.dtype in SCALED_BLOCKS for spec in specs) or all(
        is_compressed_part(plan.name, spec) for spec in specs
    )


def _is_standing(rule: MergeRule | None) -> bool:
    return rule is not None and rule.place == DEFAULT_PLACE


def _layer(name: str) -> str:
    """The part of a name up to the last word, with the separator; empty without one."""
    return name[: max(name.rfind("."), name.rfind("/")) + 1]


def decide_quantized(plans: Sequence[ParameterPlan], rules: MergeRules) -> tuple[ParameterPlan, ...]:
    """The plan in which every group has one outcome: a side, or a conflict.

    Args:
        plans: All parameters, each by itself.
        rules: The rules for this file.
    """
    table = {plan.name: plan for plan in plans}
    for group in quantized_groups(plans):
        members = [table[name] for name in group.names]
        table |= {plan.name: plan for plan in _decided(group, members, rules)}
    return tuple(table.values())


def _decided(
    group: QuantizedGroup, members: Sequence[ParameterPlan], rules: MergeRules
) -> Iterable[ParameterPlan]:
    if sum(bool(plan.changed) for plan in members) <= 1:
        # Under one scale, codes are numbers like others, and so are the scales of equal codes.
        return members
    base = tuple(content_key(plan.base) for plan in members)
    sides = [tuple(content_key(plan.sides[i]) for plan in members) for i in range(len(members[0].sides))]
    winner = trivial_merge(base, sides)
    if winner is not None:
        side = None if sides[winner] == base or all(each == sides[winner] for each in sides) else winner
        return [replace(plan, outcome=Taken(plan.sides[winner], side)) for plan in members]
    for rule, strategy in _side_rules(group, rules):
        return [replace(plan, outcome=_taken(plan, strategy.side, rule)) for plan in members]
    first, *others = group.names
    listed = ", ".join(others[:_SHOWN]) + (", …" if len(others) > _SHOWN else "")
    meaning = (
        "are a quantised weight, which is taken as a whole"
        if group.is_named
        else "may mean something only together, so all are taken from one side"
    )
    reason = f"changed on both sides: {first} and {listed} {meaning}"
    return [
        replace(plan, outcome=Conflict(plan.name, f"goes with {first}" if plan.name != first else reason))
        for plan in members
    ]


def _side_rules(group: QuantizedGroup, rules: MergeRules) -> Iterator[tuple[MergeRule, TakeSide]]:
    """The rules that take a side for a member: the first of them holds for all."""
    for name in group.names:
        for rule in rules.to_try(name):
            strategy = strategies.registry().get(rule.strategy)
            if isinstance(strategy, TakeSide):
                yield rule, strategy


def _taken(plan: ParameterPlan, side: int | None, rule: MergeRule) -> Taken | Conflict:
    if side is None:
        return Taken(plan.base, None, rule)
    if side == 1 and len(plan.sides) > 2:
        return Conflict(plan.name, "theirs isn't one side in a merge of several branches")
    return Taken(plan.sides[side], side, rule)


def _has_codes(plan: ParameterPlan) -> bool:
    """Whether a version of a parameter isn't made of floats of 16 bits or more."""
    return any(entry.spec.dtype not in ARITHMETIC for entry in _entries(plan))


def _entries(plan: ParameterPlan) -> list[Entry]:
    return [entry for entry in (plan.base, *plan.sides) if entry]
