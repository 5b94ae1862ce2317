"""The plan of a combination by rules: as a merge of the models would be planned."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

from git_theta import strategies
from git_theta.adapters.factor_names import CONFIG, factor_name
from git_theta.combine.combination import Combination, owners_of
from git_theta.combine.dtypes import keeps_dtypes
from git_theta.combine.matching import align_models, rules_for, settle
from git_theta.combine.model import Model
from git_theta.combine.stored_forms import check_alike, check_plain
from git_theta.combine.structure import (
    conversion_note,
    converts,
    merged_structure,
    new_structure,
    safetensors_structure,
)
from git_theta.errors import UsageError
from git_theta.merging.adapter_settings import fitted_to
from git_theta.merging.common_form import VersionValues, in_common_form
from git_theta.merging.dtypes import WIDEST
from git_theta.merging.layer_positions import positions_of
from git_theta.merging.manifest_parts import parameter_entries
from git_theta.merging.outcome import LAYOUT, ParameterPlan
from git_theta.merging.plan_parameters import plan_parameters
from git_theta.merging.renames import unused_renames
from git_theta.merging.rules import DEFAULT, MergeRule
from git_theta.merging.settings_versions import ReadSettings, Settings, SettingsVersions
from git_theta.merging.tokens import TOKENIZER
from git_theta.model.manifest import Entry
from git_theta.model.parameter_names import matches, unknown_parameter
from git_theta.strategies.take_side import TakeSide


@dataclass(frozen=True, slots=True)
class Choices:
    """The user's choices for a combination.

    Attributes:
        rules: Rules for the parameters; a later one takes precedence.
        default: The rule for parameters that none of `rules` is for, and that don't count anything.
        dtype: Dtype of floats in the result, or `widest` or `ours`.
        keep_unmatched: Whether parameters that can't be combined are as in the first model that has them.
        to_safetensors: Whether the result becomes a file of safetensors, whatever the first model is.
    """

    rules: tuple[MergeRule, ...]
    dtype: str = WIDEST
    keep_unmatched: bool = False
    default: MergeRule = DEFAULT
    to_safetensors: bool = False


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
    check_alike(given)
    if base is None:
        _check_no_base(choices.rules)
    rules = rules_for(models[0], (MergeRule("", dtype=choices.dtype), *choices.rules), choices.default)
    aligned = align_models(models, base, rules)
    read = cache(_settings(models, base))
    form = in_common_form(aligned.base, aligned.sides, rules, _reader(given), read)
    plans = form.with_dtypes(plan_parameters(form.base, form.sides, rules, read, obstacles=form.unclear))
    settled, kept = settle(plans, has_base=base is not None, keep_unmatched=choices.keep_unmatched)
    specs = {plan.name: plan.spec for plan in settled if plan.spec}
    structure, notes = None, (*aligned.notes, *form.notes)
    if for_file and converts(given[0], to_safetensors=choices.to_safetensors):
        check_plain(given[0], specs)
        structure = safetensors_structure(specs)
        notes += (conversion_note(given[0]),)
    elif for_file and not form.values and keeps_dtypes(settled, specs):
        structure, more = merged_structure(base, models, specs, rules, aligned)
        notes += more
    elif for_file:
        structure = new_structure(given[: len(models)], specs)
    return Combination(
        tuple(settled),
        specs,
        positions_of(settled),
        (*models, *([base] if base else ())),
        structure,
        kept,
        notes,
        form.values,
        _fitted(settled, read),
    )


def _reader(models: Sequence[Model]) -> VersionValues:
    """Reads values of models, before the combination is carried out."""
    owners = owners_of(models)

    def prepare(entries: Iterable[Entry]) -> None:
        wanted = list(entries)
        for model in models:
            model.prepare(entry for entry in wanted if owners[entry.digest] is model)

    return VersionValues(lambda entry: owners[entry.digest].read(entry), prepare)


def _fitted(plans: Sequence[ParameterPlan], read: ReadSettings) -> dict[str, Settings]:
    """The settings beside the result, by the file's name: those of an adapter."""
    if not any(factor_name(plan.name) for plan in plans):
        return {}
    settings = fitted_to(plans, read(CONFIG))
    return {CONFIG: settings} if settings else {}


def _settings(models: Sequence[Model], base: Model | None) -> ReadSettings:
    """Reads files of settings beside the models; those beside the result are as beside the first one."""

    def read(name: str) -> SettingsVersions:
        sides = tuple(model.settings(name) for model in models)
        before = base.settings(name) if base else {}
        if not any((before, *sides)):
            return SettingsVersions()
        # Nobody merges tokenizers: the result has the tokens that its rows are of.
        result = {} if name == TOKENIZER else sides[0]
        alike = name == TOKENIZER and all(side == sides[0] for side in (before or sides[0], *sides))
        return SettingsVersions(before, sides, result, fits=bool(sides[0]), alike=alike)

    return read


def _check_no_base(rules: Iterable[MergeRule]) -> None:
    for rule in rules:
        strategy = strategies.registry().get(rule.strategy) if rule.strategy else None
        if strategy is None:
            continue
        if strategy.needs_base or (isinstance(strategy, TakeSide) and strategy.side is None):
            raise UsageError(f"{rule.strategy} needs the model that the others come from", "give it: --base")


def _check_patterns(rules: Sequence[MergeRule], models: Sequence[Model]) -> None:
    names = {entry.name for model in models for entry in parameter_entries(model.manifest)}
    for glob in dict.fromkeys(glob for rule in rules for glob in rule.parameters):
        if glob not in ("*", LAYOUT) and not any(matches(name, (glob,)) for name in names):
            raise unknown_parameter([glob], names, "what is combined")
    renames = [rename for rule in rules for rename in rule.renames]
    unused = unused_renames(renames, [[entry.name for entry in model.manifest.entries] for model in models])
    for rename, reason in unused.items():
        raise UsageError(f"--rename {rename}: {reason}")
