"""Parameters of models that belong together, and those for which there's no counterpart."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from git_theta.combine.model import Model
from git_theta.errors import UsageError, join_hints
from git_theta.merging.alignment import AlignedVersions, align_versions
from git_theta.merging.outcome import Conflict, ParameterPlan, Taken
from git_theta.merging.purpose import Purpose
from git_theta.merging.rules import DEFAULT, MergeRule, MergeRules
from git_theta.merging.standing_rules import is_counter, standing_rules

#: Parameters that an error lists.
_SHOWN = 5

_KEEP = "to take them from the first model with each: --keep-unmatched; where names differ: --rename OLD=NEW"


def rules_for(first: Model, rules: Sequence[MergeRule], default: MergeRule = DEFAULT) -> MergeRules:
    """The rules for a combination: those given, and behind them those for counters and other state.

    As in a merge, a strategy that's asked for is used for every parameter, or can't combine it.

    Args:
        first: The first model; its file's name counts where a rule is for some files.
        rules: Rules that the user gave.
        default: The rule for parameters that no other rule is for.
    """
    path = first.name.rpartition(":")[2]
    standing = (
        () if any(rule.strategy and rule.is_for_all for rule in rules) else standing_rules(Purpose.MERGE)
    )
    return MergeRules(tuple(rules), default=default, standing=standing).of_path(path)


def align_models(models: Sequence[Model], base: Model | None, rules: MergeRules) -> AlignedVersions:
    """The models with names by which their parameters correspond.

    Raises:
        UsageError: It isn't clear which ones do.
    """
    sides = [model.manifest for model in models]
    owners = {id(model.manifest): model for model in (*models, *([base] if base else []))}
    aligned = align_versions(
        base.manifest if base else None,
        sides,
        rules,
        lambda manifest: owners[id(manifest)].version(),
        lambda _entries: None,
    )
    if aligned.conflicts:
        first = aligned.conflicts[0]
        raise UsageError(f"{first.name}: {first.reason}")
    return aligned


def settle(
    plans: Iterable[ParameterPlan], *, has_base: bool, keep_unmatched: bool
) -> tuple[list[ParameterPlan], tuple[str, ...]]:
    """The plans of the result's parameters, and the names of those that can't be combined and are kept.

    Without a base, a parameter that isn't in all models wasn't added or removed: the models don't match.

    Args:
        plans: All parameters; some are in conflict.
        has_base: Whether there's a base.
        keep_unmatched: Whether parameters that can't be combined are as in the first model that has them.

    Raises:
        UsageError: Parameters can't be combined, and aren't kept.
    """
    settled, unmatched = [], {}
    for plan in plans:
        reason = plan.outcome.reason if isinstance(plan.outcome, Conflict) else ""
        if not has_base and None in plan.sides and not plan.group:
            reason = "not in all models"
        if not reason and not plan.spec:
            continue
        if reason:
            owner = next((side for side in (*plan.sides, plan.base) if side), None)
            plan = replace(plan, outcome=Taken(owner))
            unmatched[plan.name] = reason
        settled.append(plan)
    if unmatched and not keep_unmatched:
        raise _unmatched(unmatched)
    return settled, tuple(unmatched)


def _unmatched(found: Mapping[str, str]) -> UsageError:
    lines = [f"  {name}: {reason}" for name, reason in list(found.items())[:_SHOWN]]
    more = len(found) - _SHOWN
    count = f"{len(found)} parameters" if len(found) > 1 else "a parameter"
    counter = next((name for name in found if is_counter(name)), "")
    key = re.split(r"[./]", counter)[-1]
    larger = f"for counters: --rule 'counter parameters=*{key}'" if key else ""
    details = [*lines, *([f"  and {more:,} more"] if more > 0 else [])]
    return UsageError(f"{count} can't be combined", join_hints(larger, _KEEP), details)
