"""Plans for the tensors of adapters: one outcome for all those of a module."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from git_theta import strategies
from git_theta.adapters.factor_names import DOWN, UP, factor_name
from git_theta.errors import UsageError
from git_theta.merging.outcome import Conflict, GroupPlan, ParameterPlan, Taken, content_key
from git_theta.merging.plan_each import outcome_by_rule
from git_theta.merging.rules import MergeRule, MergeRules
from git_theta.merging.settings_versions import ReadSettings, SettingsVersions
from git_theta.model.manifest import Entry
from git_theta.model.tensor import TensorSpec
from git_theta.model.three_way import trivial_merge
from git_theta.strategies.groups import GroupCase, GroupStrategy, GroupVersion
from git_theta.strategies.option_text import parse_options
from git_theta.strategies.take_side import SIDES

#: Strategies of single parameters that mean the same for products → options of `lora-svd` besides theirs.
_LINEAR: Final[Mapping[str, Mapping[str, str]]] = {
    "average": {},
    "linear": {},
    "task-arithmetic": {"changes": "true", "normalize": "false"},
}

_SETTLE: Final = "take a side, or merge their products: lora-svd, lora-cat"


def group_parameters(
    plans: Sequence[ParameterPlan],
    rules: MergeRules,
    refused: Mapping[str, str],
    settings: ReadSettings,
) -> tuple[ParameterPlan, ...]:
    """The plans, where tensors of one adapter of one module that several sides changed have one outcome.

    Where one side made all the changes, or a rule names parameters, plans stay as they are.

    Args:
        plans: Every parameter, planned for itself.
        rules: The rules for this file.
        refused: Name → reason, of parameters for which the result of the first rule isn't wanted.
        settings: Reads files of settings.

    Raises:
        UsageError: A rule's options don't fit.
    """
    groups: dict[tuple[str, str], list[ParameterPlan]] = defaultdict(list)
    factored = set()
    for plan in plans:
        found = factor_name(plan.name)
        if found:
            groups[found.method, found.group].append(plan)
            if found.part in (DOWN, UP, ""):
                factored.add((found.method, found.group))
    new: dict[str, ParameterPlan] = {}
    for (method, group), members in groups.items():
        if (method, group) in factored and _is_undecided(members):
            new |= {each.name: each for each in _planned(method, group, members, rules, refused, settings)}
    return tuple(new.get(plan.name, plan) for plan in plans) if new else tuple(plans)


def _is_undecided(members: Sequence[ParameterPlan]) -> bool:
    """Whether the outcomes of a group's members would mix several versions."""
    if any(not isinstance(plan.outcome, Taken) for plan in members):
        return True
    keys = [_keys(members, side) for side in range(len(members[0].sides))]
    base = tuple(content_key(plan.base) for plan in members)
    ruled = any(isinstance(plan.outcome, Taken) and plan.outcome.rule for plan in members)
    return trivial_merge(base, keys) is None and not ruled


def _keys(members: Sequence[ParameterPlan], side: int) -> tuple[object, ...]:
    return tuple(content_key(plan.sides[side]) for plan in members)


def _planned(
    method: str,
    group: str,
    members: Sequence[ParameterPlan],
    rules: MergeRules,
    refused: Mapping[str, str],
    settings: ReadSettings,
) -> Sequence[ParameterPlan]:
    """The members with one outcome: by the first rule without a conflict, or that of the first rule."""
    first = next((refused[plan.name] for plan in members if plan.name in refused), "")
    conflicts: list[str] = []
    for number, rule in enumerate(_rules(members, rules)):
        try:
            if number == 0 and first:
                raise _GroupConflict(first)
            return _by_rule(method, group, members, rule, settings)
        except _GroupConflict as conflict:
            conflicts.append(str(conflict))
    return [replace(plan, outcome=Conflict(plan.name, conflicts[0])) for plan in members]


class _GroupConflict(Exception):
    """A group that a rule can't decide about; the message is the reason."""


def _rules(members: Sequence[ParameterPlan], rules: MergeRules) -> Iterator[MergeRule | None]:
    """The rules to try, those for all members; `None` first if the members' first rules differ."""
    several = [list(rules.to_try(plan.name)) for plan in members]
    yield several[0][0] if all(each[0] == several[0][0] for each in several) else None
    for rule in several[0][1:]:
        if all(rule in each[1:] for each in several):
            yield rule


def _by_rule(
    method: str, group: str, members: Sequence[ParameterPlan], rule: MergeRule | None, settings: ReadSettings
) -> Sequence[ParameterPlan]:
    if rule is None:
        if all(_is_decided(plan) for plan in members):
            # Each of them by a rule that names it, or by equality: that's the user's decision.
            return members
        raise _GroupConflict(f"different rules for the factors of one {method} adapter, {group}")
    if rule.strategy in SIDES:
        outcomes = [outcome_by_rule(plan.name, plan.base, plan.sides, rule) for plan in members]
        conflict = next((each.reason for each in outcomes if isinstance(each, Conflict)), "")
        if conflict:
            raise _GroupConflict(conflict)
        return [replace(plan, outcome=outcome) for plan, outcome in zip(members, outcomes, strict=True)]
    if method != "LoRA":
        raise _GroupConflict(
            f"changed on several sides, and factors of {method} aren't averaged: take a side"
        )
    if rule.parameters != ("*",) and not isinstance(_strategy(rule), GroupStrategy):
        # The user named these parameters, and has what was asked for.
        return members
    chosen = _for_products(rule)
    strategy = _strategy(chosen)
    if not isinstance(strategy, GroupStrategy):
        raise _GroupConflict(
            f"{rule.strategy} would merge LoRA factors apart, and not their product: {_SETTLE}"
        )
    return _together(group, members, (rule, chosen), strategy, settings)


def _is_decided(plan: ParameterPlan) -> bool:
    return isinstance(plan.outcome, Taken) and (plan.outcome.rule is not None or not plan.changed)


def _strategy(rule: MergeRule) -> object:
    return strategies.registry().get(rule.strategy)


def _for_products(rule: MergeRule) -> MergeRule:
    """The rule for products that means what another rule does for single parameters; else the rule itself."""
    more = _LINEAR.get(rule.strategy)
    if more is None:
        return rule
    options = {**more, **dict(rule.options)}
    return replace(rule, strategy="lora-svd", options=tuple(sorted(options.items())))


def _together(
    group: str,
    members: Sequence[ParameterPlan],
    rules: tuple[MergeRule, MergeRule],
    strategy: GroupStrategy,
    settings: ReadSettings,
) -> Sequence[ParameterPlan]:
    """The members, to be combined by a strategy for groups: by the rule as it stands, and for products."""
    asked, rule = rules
    if any(strategy.group_of(plan.name) is None for plan in members):
        raise _GroupConflict(f"{rule.strategy} isn't for all tensors of {group}")
    models = _participants(members, rule)
    if strategy.max_models is not None and len(models) > strategy.max_models:
        raise _GroupConflict(f"changed on {len(models)} sides, and {rule.strategy} merges fewer")
    there = [plan for plan in members if any(plan.sides)]
    if any(plan.sides[side] is None for plan in there for side in models):
        raise _GroupConflict("LoRA factors aren't the same tensors on all sides: take a side")
    options = parse_options(strategy, dict(rule.of_sides(models, len(members[0].sides)).options))
    found = settings(strategy.settings_file) if strategy.settings_file else SettingsVersions()
    before = _specs(there, [plan.base for plan in there])
    case = GroupCase(
        group,
        tuple(
            GroupVersion(_specs(there, [plan.sides[side] for plan in there]), found.of_side(side))
            for side in models
        ),
        GroupVersion(before, found.base) if len(before) == len(there) else None,
        found.result,
    )
    try:
        with strategies.registry().guard(rule.strategy):
            specs = strategy.result(case, options.values)
    except UsageError as error:
        raise _GroupConflict(error.message) from error
    together = GroupPlan(models, case, specs, asked)
    combined = [replace(plan, outcome=rule, group=together) for plan in there]
    return [*combined, *(replace(plan, outcome=Taken(None)) for plan in members if plan not in there)]


def _participants(members: Sequence[ParameterPlan], rule: MergeRule) -> tuple[int, ...]:
    """Indices of the sides that changed any member; all sides by a rule for all parameters."""
    base = tuple(content_key(plan.base) for plan in members)
    every = range(len(members[0].sides))
    return tuple(side for side in every if rule.all_parameters or _keys(members, side) != base)


def _specs(members: Sequence[ParameterPlan], entries: Sequence[Entry | None]) -> dict[str, TensorSpec]:
    return {plan.name: entry.spec for plan, entry in zip(members, entries, strict=True) if entry}
