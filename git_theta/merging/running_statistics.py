"""Statistics of a normalisation, which mean something only together: mean, variance, and number of batches.

The variance is around the mean, so one side's mean beside the other's variance describes no data. They're
merged together, or taken from one side together.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from git_theta.merging.outcome import Conflict, ParameterPlan, Taken
from git_theta.merging.plan_each import outcome_by_rule
from git_theta.merging.rules import MergeRule, MergeRules

#: Ends of names of a module's statistics, in PyTorch and in Keras.
_STATISTIC = re.compile(
    r"(?P<module>(?:.*[./])?)(?:running_mean|running_var|num_batches_tracked|moving_mean|moving_variance)\Z"
)


def decide_statistics(plans: Sequence[ParameterPlan], rules: MergeRules) -> tuple[ParameterPlan, ...]:
    """The plans, where the statistics of one module have outcomes that go together.

    Args:
        plans: All parameters, each by itself.
        rules: The rules for this file.
    """
    groups: dict[str, list[ParameterPlan]] = defaultdict(list)
    for plan in plans:
        found = _STATISTIC.match(plan.name)
        if found:
            groups[found["module"]].append(plan)
    new = {each.name: each for members in groups.values() for each in _together(members, rules)}
    return tuple(new.get(plan.name, plan) for plan in plans) if new else tuple(plans)


def _together(members: Sequence[ParameterPlan], rules: MergeRules) -> Sequence[ParameterPlan]:
    """The statistics of a module: as planned if that goes together, is in conflict, or is the user's wish."""
    origins = {_origin(plan) for plan in members} - {""}
    if len(origins) < 2 or any(isinstance(plan.outcome, Conflict) for plan in members):
        return members
    taken = (plan.outcome for plan in members if isinstance(plan.outcome, Taken))
    sides = {outcome.rule for outcome in taken if outcome.rule}
    if len(sides) > 1:
        return members
    for rule in sides:
        outcomes = [outcome_by_rule(plan.name, plan.base, plan.sides, rule) for plan in members]
        return [replace(plan, outcome=each) for plan, each in zip(members, outcomes, strict=True)]
    merged = [_merged(plan, rules) for plan in members]
    return members if any(isinstance(plan.outcome, Conflict) for plan in merged) else merged


def _origin(plan: ParameterPlan) -> str:
    """Where the value comes from: a side, or several; empty if all sides have it, or the base."""
    if not isinstance(plan.outcome, Taken):
        return "several"
    if plan.outcome.rule:
        return f"{plan.outcome.rule.strategy} by a rule"
    return "" if plan.outcome.side is None else f"side {plan.outcome.side}"


def _merged(plan: ParameterPlan, rules: MergeRules) -> ParameterPlan:
    """A statistic combined of all sides, by the rule for it."""
    if isinstance(plan.outcome, Taken) and not plan.changed:
        return plan
    rule = plan.outcome if isinstance(plan.outcome, MergeRule) else next(rules.to_try(plan.name))
    everywhere = replace(rule, all_parameters=True)
    return replace(plan, outcome=outcome_by_rule(plan.name, plan.base, plan.sides, everywhere))
