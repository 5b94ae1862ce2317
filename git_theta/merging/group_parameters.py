"""Plans for the tensors of adapters: one outcome for all those of a module."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Final

from git_theta import strategies
from git_theta.adapters.factor_names import CONFIG, DOWN, UP, factor_name
from git_theta.errors import UsageError
from git_theta.merging.adapter_settings import BASE, RESULT, AdapterScales, fitted_to
from git_theta.merging.outcome import Conflict, GroupPlan, ParameterPlan, Taken, content_key
from git_theta.merging.plan_each import outcome_by_rule
from git_theta.merging.rules import MergeRule, MergeRules
from git_theta.merging.settings_versions import ReadSettings, Settings, SettingsVersions
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


@dataclass(frozen=True, slots=True)
class _Group:
    """The tensors of one adapter of one module.

    Attributes:
        method: The kind of adapter.
        name: The module, in words.
        members: The tensors, each planned for itself.
        base: Equal for versions that mean the same: the tensors, and the scale of their product.
        sides: The same of each side.
        scales: Gives the scale in a version, by the version's number.
    """

    method: str
    name: str
    members: tuple[ParameterPlan, ...]
    base: object
    sides: tuple[object, ...]
    scales: Callable[[int], object]

    @property
    def is_undecided(self) -> bool:
        """Whether the outcomes of the members would mix several versions."""
        if any(not isinstance(plan.outcome, Taken) for plan in self.members):
            return True
        return trivial_merge(self.base, self.sides) is None and not self.is_ruled

    @property
    def is_ruled(self) -> bool:
        """Whether a rule has taken a version of a member."""
        return any(isinstance(plan.outcome, Taken) and plan.outcome.rule for plan in self.members)

    @property
    def rescaled(self) -> int | None:
        """The side that all members are taken from, if they have another scale there; `None` if not."""
        side = trivial_merge(self.base, self.sides)
        if side is None or self.is_ruled or all(plan.sides[side] is None for plan in self.members):
            return None
        return side if self.scales(side) != self.scales(RESULT) else None


def group_parameters(
    plans: Sequence[ParameterPlan],
    rules: MergeRules,
    refused: Mapping[str, str],
    settings: ReadSettings,
) -> tuple[ParameterPlan, ...]:
    """The plans, where tensors of one adapter of one module that several sides changed have one outcome.

    Where one side made all the changes, or a rule names parameters, plans stay as they are, unless factors
    would get another scale.

    Args:
        plans: Every parameter, planned for itself.
        rules: The rules for this file.
        refused: Name → reason, of parameters for which the result of the first rule isn't wanted.
        settings: Reads files of settings.

    Raises:
        UsageError: A rule's options don't fit, or no settings fit the result.
    """
    read = cache(settings)
    scales = AdapterScales(read)
    new: dict[str, ParameterPlan] = {}
    groups = _groups(plans, scales)
    for group in groups:
        if group.is_undecided or _adds_nothing_somewhere(group, rules):
            planned = _planned(group, rules, refused, read)
        elif group.method == "LoRA" and any(plan.changed for plan in group.members):
            planned = _rescaled(group, rules, scales, read)
        else:
            continue
        new |= {each.name: each for each in planned}
    done = tuple(new.get(plan.name, plan) for plan in plans) if new else tuple(plans)
    if not any(plan.group and plan.group.case.fits for plan in done):
        return done
    return _with_settings(done, fitted_to(done, read(CONFIG)))


def _adds_nothing_somewhere(group: _Group, rules: MergeRules) -> bool:
    """Whether a rule for all models combines products of factors that some models don't have."""
    there = [any(plan.sides[side] for plan in group.members) for side in range(len(group.sides))]
    if all(there) or any(plan.base for plan in group.members) or group.is_ruled or group.method != "LoRA":
        return False
    first = next(iter(_rules(group.members, rules)))
    strategy = first and first.all_parameters and _strategy(_for_products(first))
    return isinstance(strategy, GroupStrategy) and strategy.allows_absent


def _groups(plans: Sequence[ParameterPlan], scales: AdapterScales) -> list[_Group]:
    """The groups that have factors and that a side changed."""
    members: dict[tuple[str, str], list[ParameterPlan]] = defaultdict(list)
    modules: dict[tuple[str, str], str] = {}
    factored = set()
    for plan in plans:
        found = factor_name(plan.name)
        if found:
            members[found.method, found.group].append(plan)
            modules[found.method, found.group] = found.adapted
            if found.part in (DOWN, UP, ""):
                factored.add((found.method, found.group))
    groups = []
    for key, each in members.items():
        if key in factored and any(plan.changed or not isinstance(plan.outcome, Taken) for plan in each):
            known = key[0] == "LoRA" and (scales.has_base or not any(plan.base for plan in each))
            scale = partial(scales.key, modules[key]) if known else _no_scale
            sides = range(len(each[0].sides))
            groups.append(
                _Group(
                    *key,
                    tuple(each),
                    _meaning([plan.base for plan in each], scale, BASE),
                    tuple(_meaning([plan.sides[side] for plan in each], scale, side) for side in sides),
                    scale,
                )
            )
    return groups


def _no_scale(_version: int) -> object:
    return None


def _meaning(entries: Sequence[Entry | None], scale: Callable[[int], object], version: int) -> object:
    """Equal for versions of a group that mean the same."""
    keys = tuple(content_key(entry) for entry in entries)
    return (keys, scale(version) if any(entries) else None)


def _with_settings(plans: Sequence[ParameterPlan], settings: Settings) -> tuple[ParameterPlan, ...]:
    """The plans with other settings of the result."""
    new: dict[int, GroupPlan] = {}
    for plan in plans:
        group = plan.group
        if group and id(group) not in new:
            new[id(group)] = replace(group, case=replace(group.case, settings=settings))
    return tuple(replace(plan, group=new[id(plan.group)]) if plan.group else plan for plan in plans)


def _rescaled(
    group: _Group, rules: MergeRules, scales: AdapterScales, settings: ReadSettings
) -> Sequence[ParameterPlan]:
    """The members as in the only side that changed them, made for the scale that settings give the result."""
    side = group.rescaled
    if side is None or scales.settings.fits:
        return group.members
    if not scales.is_decided:
        reason = f"LoRA scales differ, and {CONFIG} is in conflict: settle that file, then git theta resolve"
        return [replace(plan, outcome=Conflict(plan.name, f"{reason} this one")) for plan in group.members]
    first = next(iter(rules.to_try(group.members[0].name)))
    rule = _for_products(first)
    if not isinstance(_strategy(rule), GroupStrategy):
        rule = MergeRule("lora-svd")
    try:
        return _together(group, (first, rule), settings, (side,))
    except _GroupConflict as conflict:
        return [replace(plan, outcome=Conflict(plan.name, str(conflict))) for plan in group.members]


def _planned(
    group: _Group, rules: MergeRules, refused: Mapping[str, str], settings: ReadSettings
) -> Sequence[ParameterPlan]:
    """The members with one outcome: by the first rule without a conflict, or that of the first rule."""
    first = next((refused[plan.name] for plan in group.members if plan.name in refused), "")
    conflicts: list[str] = []
    for number, rule in enumerate(_rules(group.members, rules)):
        try:
            if number == 0 and first:
                raise _GroupConflict(first)
            return _by_rule(group, rule, settings)
        except _GroupConflict as conflict:
            conflicts.append(str(conflict))
    return [replace(plan, outcome=Conflict(plan.name, conflicts[0])) for plan in group.members]


class _GroupConflict(Exception):
    """A group that a rule can't decide about; the message is the reason."""


def _rules(members: Sequence[ParameterPlan], rules: MergeRules) -> Iterator[MergeRule | None]:
    """The rules to try, those for all members; `None` first if the members' first rules differ."""
    several = [list(rules.to_try(plan.name)) for plan in members]
    yield several[0][0] if all(each[0] == several[0][0] for each in several) else None
    for rule in several[0][1:]:
        if all(rule in each[1:] for each in several):
            yield rule


def _by_rule(group: _Group, rule: MergeRule | None, settings: ReadSettings) -> Sequence[ParameterPlan]:
    members = group.members
    if rule is None:
        if all(_is_decided(plan) for plan in members):
            # Each of them by a rule that names it, or by equality: that's the user's decision.
            return members
        raise _GroupConflict(f"different rules for the factors of one {group.method} adapter, {group.name}")
    if rule.strategy in SIDES:
        outcomes = [outcome_by_rule(plan.name, plan.base, plan.sides, rule) for plan in members]
        conflict = next((each.reason for each in outcomes if isinstance(each, Conflict)), "")
        if conflict:
            raise _GroupConflict(conflict)
        return [replace(plan, outcome=outcome) for plan, outcome in zip(members, outcomes, strict=True)]
    if group.method != "LoRA":
        raise _GroupConflict(
            f"changed on several sides, and factors of {group.method} aren't averaged: take a side"
        )
    if rule.parameters != ("*",) and not isinstance(_strategy(rule), GroupStrategy):
        # The user named these parameters, and has what was asked for.
        return members
    chosen = _for_products(rule)
    if not isinstance(_strategy(chosen), GroupStrategy):
        raise _GroupConflict(
            f"{rule.strategy} would merge LoRA factors apart, and not their product: {_SETTLE}"
        )
    return _together(group, (rule, chosen), settings, _participants(group, rule))


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
    group: _Group, rules: tuple[MergeRule, MergeRule], settings: ReadSettings, models: tuple[int, ...]
) -> Sequence[ParameterPlan]:
    """The members, to be combined by a strategy for groups.

    Args:
        group: The group.
        rules: The rule as it stands, and for products.
        settings: Reads files of settings.
        models: The sides that take part.
    """
    members, (asked, rule) = group.members, rules
    strategy = _strategy(rule)
    assert isinstance(strategy, GroupStrategy)  # noqa: S101
    if any(strategy.group_of(plan.name) is None for plan in members):
        raise _GroupConflict(f"{rule.strategy} isn't for all tensors of {group.name}")
    if strategy.max_models is not None and len(models) > strategy.max_models:
        raise _GroupConflict(f"changed on {len(models)} sides, and {rule.strategy} merges fewer")
    there = [plan for plan in members if any(plan.sides)]
    before = _specs(there, [plan.base for plan in there])
    specs = [_specs(there, [plan.sides[side] for plan in there]) for side in models]
    least = {len(there), 0} if strategy.allows_absent and not before else {len(there)}
    if not {len(each) for each in specs} <= least or not any(specs):
        raise _GroupConflict("LoRA factors aren't the same tensors on all sides: take a side")
    options = parse_options(strategy, dict(rule.of_sides(models, len(members[0].sides)).options))
    found = settings(strategy.settings_file) if strategy.settings_file else SettingsVersions()
    case = GroupCase(
        group.name,
        tuple(
            GroupVersion(own, found.of_side(side) if own else {})
            for side, own in zip(models, specs, strict=True)
        ),
        GroupVersion(before, found.base) if len(before) == len(there) else None,
        found.result,
        found.fits,
    )
    try:
        with strategies.registry().guard(rule.strategy):
            result = strategy.result(case, options.values)
    except UsageError as error:
        raise _GroupConflict(error.message) from error
    together = GroupPlan(models, case, result, asked)
    combined = [replace(plan, outcome=rule, group=together) for plan in there]
    return [*combined, *(replace(plan, outcome=Taken(None)) for plan in members if plan not in there)]


def _participants(group: _Group, rule: MergeRule) -> tuple[int, ...]:
    """Indices of the sides that changed members or their scale; all sides by a rule for all parameters."""
    every = range(len(group.sides))
    return tuple(side for side in every if rule.all_parameters or group.sides[side] != group.base)


def _specs(members: Sequence[ParameterPlan], entries: Sequence[Entry | None]) -> dict[str, TensorSpec]:
    return {plan.name: entry.spec for plan, entry in zip(members, entries, strict=True) if entry}
