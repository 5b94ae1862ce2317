"""The plan of a merge for each parameter by itself: its outcome by equality, or else by a rule.

No value is read, and nothing is written; `execute` carries a plan out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from git_theta import strategies
from git_theta.errors import UsageError
from git_theta.merging.equal_models import keeps_equal
from git_theta.merging.manifest_parts import parameter_entries
from git_theta.merging.outcome import Conflict, ParameterPlan, Taken, content_key, participants
from git_theta.merging.rules import MergeRule, MergeRules
from git_theta.model.manifest import Entry, Manifest
from git_theta.model.name_escapes import sort_key
from git_theta.model.three_way import trivial_merge
from git_theta.strategies.counter import WHOLE_NUMBERS, CounterRule
from git_theta.strategies.groups import GroupStrategy
from git_theta.strategies.take_side import TakeSide
from git_theta.updates.rounding import COMPUTABLE

#: No parameter is refused.
NONE_REFUSED: Mapping[str, str] = MappingProxyType({})


def plan_each(
    base: Manifest | None,
    sides: Sequence[Manifest],
    rules: MergeRules,
    refused: Mapping[str, str] = NONE_REFUSED,
    obstacles: Mapping[str, str] = NONE_REFUSED,
) -> Iterator[ParameterPlan]:
    """The outcome of each parameter, in the order of a manifest.

    Args:
        base: The merge base; `None` if there's none.
        sides: Ours, then theirs, and more in an octopus merge.
        rules: The rules for this file.
        refused: Name → reason, of parameters for which the result of the first rule isn't wanted.
        obstacles: Name → reason, of parameters that can only be taken from a side.

    Raises:
        UsageError: A rule names an unknown strategy.
    """
    before, *tables = (
        {entry.name: entry for entry in parameter_entries(version)} for version in (base, *sides)
    )
    names = {name for table in (before, *tables) for name in table}
    fitting = _for_their_groups(rules)
    for name in sorted(names, key=sort_key):
        old, new = before.get(name), tuple(table.get(name) for table in tables)
        reasons = refused.get(name, ""), obstacles.get(name, "")
        yield ParameterPlan(name, old, new, outcome_of(name, old, new, fitting(name), *reasons))


def preferred_side(name: str, rules: MergeRules) -> int | None:
    """The side that a rule takes for something that can't be combined; `None` if there's no such rule."""
    found = side_rule(name, rules)
    return found[1].side if found else None


def side_rule(name: str, rules: MergeRules) -> tuple[MergeRule, TakeSide] | None:
    """The first rule that takes a side for something that can't be combined, and its strategy; or `None`."""
    for rule in rules.to_try(name):
        strategy = strategies.registry().get(rule.strategy)
        if isinstance(strategy, TakeSide):
            return rule, strategy
    return None


def _for_their_groups(rules: MergeRules) -> Callable[[str], MergeRules]:
    """Name of a parameter → the rules without those of strategies for groups that it isn't in."""
    registry = strategies.registry()

    def fits(rule: MergeRule, name: str) -> bool:
        strategy = registry.get(rule.strategy)
        return not isinstance(strategy, GroupStrategy) or strategy.group_of(name) is not None

    named = (rule.strategy for rule in (*rules.rules, *rules.fallback) if rule.strategy)
    if not any(isinstance(registry.get(name), GroupStrategy) for name in named):
        return lambda _name: rules
    return lambda name: replace(
        rules,
        rules=tuple(rule for rule in rules.strategies if fits(rule, name)),
        fallback=tuple(rule for rule in rules.fallback if rule.strategy and fits(rule, name)),
    )


def outcome_of(
    name: str,
    base: Entry | None,
    sides: tuple[Entry | None, ...],
    rules: MergeRules,
    refused: str = "",
    obstacle: str = "",
) -> Taken | MergeRule | Conflict:
    """The outcome of a parameter: by equality, or by the first rule that leads to none in conflict.

    Args:
        name: Name of the parameter.
        base: The entry in the merge base; `None` if the parameter isn't there.
        sides: The entry on each side.
        rules: The rules for this file.
        refused: Why the result of the first rule isn't wanted; empty if it is.
        obstacle: Why sides can't be combined; empty to see that from their dtypes and shapes.

    Raises:
        UsageError: A rule names an unknown strategy.
    """
    keys = [content_key(side) for side in sides]
    index = trivial_merge(content_key(base), keys)
    if index is not None:
        everywhere = rules.for_all(name)
        if everywhere and refused:
            return Conflict(name, refused)
        if everywhere and not _stays(base, sides, everywhere):
            outcome = outcome_by_rule(name, base, sides, everywhere, obstacle)
            if not isinstance(outcome, Conflict) and (
                isinstance(outcome, Taken) or len(participants(base, sides, everywhere)) == len(sides)
            ):
                return outcome
        if keys[index] == content_key(base):
            return Taken(base)
        return Taken(sides[index], None if all(key == keys[index] for key in keys) else index)
    has_one_element = all(entry.spec.count == 1 for entry in (base, *sides) if entry)
    fitting = (rule for rule in rules.to_try(name) if has_one_element or not rule.one_element)
    first, *others = (outcome_by_rule(name, base, sides, rule, obstacle) for rule in fitting)
    first = Conflict(name, refused) if refused else first
    return next((outcome for outcome in (first, *others) if not isinstance(outcome, Conflict)), first)


def _stays(base: Entry | None, sides: Sequence[Entry | None], rule: MergeRule) -> bool:
    """Whether a rule for all parameters leaves one alone, as it's equal everywhere."""
    there = [*([base] if base else []), *sides]
    equal = all(content_key(entry) == content_key(sides[0]) for entry in there)
    return equal and keeps_equal(rule, len(sides))


def outcome_by_rule(
    name: str,
    base: Entry | None,
    sides: tuple[Entry | None, ...],
    rule: MergeRule,
    obstacle: str = "",
) -> Taken | MergeRule | Conflict:
    """The outcome of a parameter by one rule.

    Args:
        name: Name of the parameter.
        base: The entry in the merge base; `None` if the parameter isn't there.
        sides: The entry on each side.
        rule: The rule.
        obstacle: Why sides can't be combined; empty to see that from their dtypes and shapes.

    Raises:
        UsageError: The rule names an unknown strategy, or a side that there's not.
    """
    strategy = strategies.registry().get(rule.strategy)
    if isinstance(strategy, TakeSide):
        return _by_side(name, base, sides, strategy, rule)
    changed = [sides[index] for index in participants(base, sides, rule)]
    counts = isinstance(strategy, CounterRule)
    reason = obstacle or _obstacle(base, changed, (*COMPUTABLE, *WHOLE_NUMBERS) if counts else COMPUTABLE)
    if not reason and strategy.needs_base:
        reason = _obstacle_of_base(base, changed, rule)
    most = strategy.max_models
    if not reason and most is not None and len(changed) > most:
        reason = f"changed on {len(changed)} sides, and {rule.strategy} merges at most {most}"
    return Conflict(name, reason) if reason else rule


def _by_side(
    name: str, base: Entry | None, sides: tuple[Entry | None, ...], strategy: TakeSide, rule: MergeRule
) -> Taken | Conflict:
    if strategy.side is None:
        return Taken(base, None, rule)
    if strategy.side >= len(sides):
        raise UsageError(f"there's no side {strategy.side + 1} for {rule.strategy!r}")
    if strategy.side == 1 and len(sides) > 2:
        return Conflict(name, "theirs isn't one side in a merge of several branches")
    return Taken(sides[strategy.side], strategy.side, rule)


def _obstacle_of_base(base: Entry | None, changed: Sequence[Entry | None], rule: MergeRule) -> str:
    """Why a base can't take part; empty if it can."""
    if base is None:
        return f"added on both sides, and {rule.strategy} needs a base"
    if changed[0] and base.spec != changed[0].spec:
        return f"another dtype or shape than in the base, and {rule.strategy} needs a base"
    return ""


def _obstacle(base: Entry | None, changed: Sequence[Entry | None], dtypes: Sequence[str]) -> str:
    """Why sides that differ can't be combined by a strategy for some dtypes; empty if they can be."""
    entries = [side for side in changed if side]
    if len(entries) < len(changed):
        return "removed on one side, changed on the other"
    change = "changed" if base else "added"
    if len({entry.spec.dtype for entry in entries}) > 1:
        return f"{change} to dtypes {' and '.join(entry.spec.dtype for entry in entries)}"
    if len({entry.spec.shape for entry in entries}) > 1:
        return f"{change} to shapes {' and '.join(str(list(entry.spec.shape)) for entry in entries)}"
    if entries[0].spec.dtype not in dtypes:
        return f"{change} on both sides, and {entries[0].spec.dtype} values aren't averaged"
    return ""
