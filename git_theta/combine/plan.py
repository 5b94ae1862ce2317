"""The plan of a combination by rules: as a merge of the models would be planned."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from git_theta import strategies
from git_theta.combine.combination import Combination
from git_theta.combine.dtypes import WIDEST, mixed, result_spec, widened
from git_theta.combine.model import Model
from git_theta.combine.structure import merged_structure, new_structure
from git_theta.errors import UsageError
from git_theta.merging.alignment import AlignedVersions, align_versions
from git_theta.merging.combine import positions_of
from git_theta.merging.manifest_parts import parameter_entries
from git_theta.merging.outcome import LAYOUT, Conflict, ParameterPlan, Taken
from git_theta.merging.plan_parameters import plan_parameters
from git_theta.merging.rules import MergeRule, MergeRules
from git_theta.merging.settings_versions import ReadSettings, SettingsVersions
from git_theta.model.parameter_names import matches, unknown_parameter
from git_theta.strategies.take_side import TakeSide

#: Parameters that an error lists.
_SHOWN = 5

_KEEP = "to take these from the first model that has them: --keep-unmatched"


@dataclass(frozen=True, slots=True)
class Choices:
    """The user's choices for a combination.

    Attributes:
        rules: Rules for the parameters; a later one takes precedence.
        dtype: Dtype of floats in the result, or `widest` or `ours`.
        keep_unmatched: Whether parameters that can't be combined are as in the first model that has them.
    """

    rules: tuple[MergeRule, ...]
    dtype: str = WIDEST
    keep_unmatched: bool = False


def plan_combination(
    models: Sequence[Model], base: Model | None, choices: Choices, *, for_file: bool = True
) -> Combination:
    """Plan a combination of models.

    Args:
        models: The models, the first one first; at least one.
        base: The model that they come from; `None` if there's none.
        choices: The user's choices.
        for_file: Whether the result becomes a file.

    Raises:
        UsageError: A pattern matches nothing, a strategy needs a base, a parameter is not in all models or
            can't be combined, or no file of the first model's format can have the result's parameters.
    """
    given = [*models, *([base] if base else [])]
    _check_patterns(choices.rules, given)
    if base is None:
        _check_no_base(choices.rules)
    wide = mixed(given)
    models, base = [widened(model, wide) for model in models], base and widened(base, wide)
    rules = MergeRules(choices.rules)
    aligned = _aligned(models, base, rules)
    plans = plan_parameters(aligned.base, aligned.sides, rules, _settings(models, base))
    settled, unmatched = _settle([plan for plan in plans if plan.spec or _failed(plan)], base is not None)
    if unmatched and not choices.keep_unmatched:
        raise _unmatched(unmatched)
    first = {entry.name: entry.spec for entry in given[0].manifest.entries}
    specs = {
        plan.name: result_spec(plan.spec, first.get(plan.name), choices.dtype)
        for plan in settled
        if plan.spec
    }
    structure, notes = None, _dtype_notes(wide, choices.dtype)
    if any(plan.group for plan in settled):
        notes += (f"factors of adapters are for the settings beside {given[0].name}: copy that file, too",)
    if for_file:
        changed = any(plan.likely and specs[plan.name] != plan.likely.spec for plan in settled)
        if wide or changed:
            structure = new_structure(given[: len(models)], specs)
        else:
            structure, more = merged_structure(base, models, specs, rules, aligned)
            notes += more
    return Combination(
        tuple(settled),
        specs,
        positions_of(settled),
        (*models, *([base] if base else ())),
        structure,
        tuple(unmatched),
        notes,
    )


def _aligned(models: Sequence[Model], base: Model | None, rules: MergeRules) -> AlignedVersions:
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


def _settings(models: Sequence[Model], base: Model | None) -> ReadSettings:
    """Reads files of settings beside the models; those beside the result are as beside the first one."""

    def read(name: str) -> SettingsVersions:
        sides = tuple(model.settings(name) for model in models)
        before = base.settings(name) if base else {}
        return SettingsVersions(before, sides, sides[0]) if any((before, *sides)) else SettingsVersions()

    return read


def _failed(plan: ParameterPlan) -> bool:
    return isinstance(plan.outcome, Conflict)


def _settle(plans: Iterable[ParameterPlan], has_base: bool) -> tuple[list[ParameterPlan], dict[str, str]]:
    """The plans without conflicts; and name → reason, of those that had one.

    Without a base, a parameter that isn't in all models wasn't added or removed: the models don't match.
    """
    settled, unmatched = [], {}
    for plan in plans:
        reason = plan.outcome.reason if isinstance(plan.outcome, Conflict) else ""
        if not has_base and None in plan.sides:
            reason = "not in all models"
        if reason:
            owner = next((side for side in (*plan.sides, plan.base) if side), None)
            plan = replace(plan, outcome=Taken(owner))
            unmatched[plan.name] = reason
        settled.append(plan)
    return settled, unmatched


def _check_no_base(rules: Iterable[MergeRule]) -> None:
    for rule in rules:
        strategy = strategies.registry().get(rule.strategy)
        if strategy.needs_base or (isinstance(strategy, TakeSide) and strategy.side is None):
            raise UsageError(f"{rule.strategy} needs the model that the others come from", "give it: --base")


def _check_patterns(rules: Iterable[MergeRule], models: Sequence[Model]) -> None:
    names = {entry.name for model in models for entry in parameter_entries(model.manifest)}
    for glob in dict.fromkeys(glob for rule in rules for glob in rule.parameters):
        if glob not in ("*", LAYOUT) and not any(matches(name, (glob,)) for name in names):
            raise unknown_parameter([glob], names, "what is combined")


def _unmatched(found: Mapping[str, str]) -> UsageError:
    lines = [f"  {name}: {reason}" for name, reason in list(found.items())[:_SHOWN]]
    more = len(found) - _SHOWN
    count = f"{len(found)} parameters" if len(found) > 1 else "a parameter"
    return UsageError(
        f"{count} can't be combined", _KEEP, [*lines, *([f"  and {more:,} more"] if more > 0 else [])]
    )


def _dtype_notes(wide: dict[str, str], dtype: str) -> tuple[str, ...]:
    if not wide or dtype != WIDEST:
        return ()
    dtypes = ", ".join(sorted(set(wide.values())))
    count = f"{len(wide)} parameters have" if len(wide) > 1 else "a parameter has"
    return (f"{count} another dtype in some models: the wider is taken, {dtypes} (--dtype chooses)",)
