"""The plan of a merge that mergekit describes: for each tensor a rule with the options of its layer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from git_theta import strategies
from git_theta.adapters.factor_names import factor_name
from git_theta.combine.combination import Combination
from git_theta.combine.dtypes import dtype_notes, keeps_dtypes, mixed, result_specs, widened
from git_theta.combine.matching import align_models, rules_for, settle
from git_theta.combine.mergekit.config import MergekitConfig
from git_theta.combine.mergekit.methods import BasePlace, Scalar
from git_theta.combine.mergekit.settings import value_of
from git_theta.combine.mergekit.tensors import ResultTensor, SourceTensor, result_tensors
from git_theta.combine.model import Model
from git_theta.combine.structure import (
    conversion_note,
    converts,
    merged_structure,
    new_structure,
    safetensors_structure,
)
from git_theta.errors import UsageError
from git_theta.merging.layer_positions import in_layer, layer_of
from git_theta.merging.manifest_parts import parameter_entries
from git_theta.merging.outcome import ParameterPlan, Taken
from git_theta.merging.plan_each import outcome_of
from git_theta.merging.quantized import decide_quantized
from git_theta.merging.rules import MergeRule, MergeRules
from git_theta.strategies.option_text import parse_options


def plan_config(
    config: MergekitConfig,
    open_model: Callable[[str], Model],
    *,
    keep_unmatched: bool = False,
    to_safetensors: bool = False,
) -> Combination:
    """Plan a merge that mergekit describes.

    Args:
        config: The merge.
        open_model: Opens a model by its name.
        keep_unmatched: Whether parameters that can't be combined are as in the first model that has them.
        to_safetensors: Whether the result becomes a file of safetensors, whatever the first model is.

    Raises:
        UsageError: The models don't have the layers or the parameters, a value of a parameter of the method
            is missing or beyond its limits, or no file of the first model's format can have the result.
    """
    given = [open_model(name) for name in _in_order(config)]
    # Layers of one model may be combined with other layers of another one.
    wide = mixed(given, str if config.is_whole else lambda name: in_layer(name, 0))
    models = [widened(model, wide) for model in given]
    base = models[-1] if _has_base_apart(config) and config.is_whole else None
    sides = models[:-1] if base else models
    rules = rules_for(given[0], ())
    aligned = align_models(sides, base, rules)
    views = dict(
        zip(_in_order(config), [*aligned.sides, *([aligned.base] if aligned.base else [])], strict=True)
    )
    planner = _TensorPlanner(config, rules)
    plans = [planner.plan(tensor) for tensor in result_tensors(config, views)]
    _refuse_factors(plans)
    if any(len(part.sources) > 1 for part in config.slices):
        plans = list(decide_quantized(plans, rules))
    settled, kept = settle(plans, has_base=False, keep_unmatched=keep_unmatched)
    specs = result_specs(settled, given[0].manifest, config.dtype)
    notes = (*config.notes, *_layer_notes(config, given[0]), *dtype_notes(wide, config.dtype))
    if converts(given[0], to_safetensors=to_safetensors):
        structure = safetensors_structure(specs)
        notes += (conversion_note(given[0]),)
    elif config.is_whole and not wide and keeps_dtypes(settled, specs):
        structure, more = merged_structure(base, sides, specs, rules, aligned)
        notes += more
    else:
        structure = new_structure(given[: len(sides)], specs)
    return Combination(tuple(settled), specs, {}, tuple(models), structure, kept, notes)


def _in_order(config: MergekitConfig) -> list[str]:
    """Names of all models, ours first; a base that is apart comes last."""
    bases = [part.base for part in config.slices if part.base]
    if _has_base_apart(config):
        return [*(name for name in config.models if name not in bases), *dict.fromkeys(bases)]
    if config.method.base is BasePlace.OURS:
        return list(dict.fromkeys((*bases, *config.models)))
    return config.models


def _has_base_apart(config: MergekitConfig) -> bool:
    place = config.method.base
    return place is BasePlace.APART or (place is BasePlace.OPTIONAL and bool(config.slices[0].base))


@dataclass(frozen=True, slots=True)
class _TensorPlanner:
    """Plans tensors by the rules of their layers.

    Attributes:
        config: The merge.
        rules: The rules for tensors that the method can't combine.
        checked: Rules whose options are known to fit.
    """

    config: MergekitConfig
    rules: MergeRules
    checked: set[MergeRule] = field(default_factory=set)

    def plan(self, tensor: ResultTensor) -> ParameterPlan:
        """The plan of a tensor.

        Raises:
            UsageError: A value of a parameter is missing, or isn't valid.
        """
        sides, base = _arranged(self.config, tensor)
        try:
            rule = self._rule(tensor, sides, has_base=base is not None)
        except ValueError as error:
            raise UsageError(f"{tensor.name}: {error}") from error
        if rule not in self.checked:
            parse_options(strategies.registry().get(rule.strategy), dict(rule.options))
            self.checked.add(rule)
        entries = tuple(each.entry for each in sides)
        before = base.entry if base else None
        if rule.strategy == "passthrough" and dict(rule.options).get("scale", "1.0") == "1.0":
            return ParameterPlan(tensor.name, before, entries, Taken(entries[0], 0, rule))
        rules = MergeRules((rule,), standing=self.rules.standing)
        return ParameterPlan(tensor.name, before, entries, outcome_of(tensor.name, before, entries, rules))

    def _rule(self, tensor: ResultTensor, sides: Sequence[SourceTensor], *, has_base: bool) -> MergeRule:
        """The rule with the values of the method's parameters for a tensor.

        A filter is compared with the tensor's name in the result, and for values of a model with that there.

        Raises:
            UsageError: A value that the method needs is missing.
            ValueError: A number isn't whole.
        """
        shared: dict[str, Scalar] = {}
        per_model: dict[str, list[Scalar]] = {}
        for name, parameter in self.config.method.parameters.items():
            general = [tensor.part.settings.get(name), self.config.settings.get(name)]
            if not parameter.per_model:
                found = value_of(general, tensor.name, tensor.position)
                if found is not None:
                    shared[name] = found
                values = [found]
            else:
                values = [
                    value_of([side.source.settings.get(name), *general], side.name, tensor.position)
                    for side in sides
                ]
                if any(value is not None for value in values):
                    per_model[name] = [parameter.default if value is None else value for value in values]
            if parameter.required and None in values:
                of_model = f" of {sides[values.index(None)].source.model}" if parameter.per_model else ""
                raise UsageError(f"{tensor.name}: no value of {name}{of_model} is for this tensor")
        return self.config.method.rule(shared, per_model, has_base=has_base)


def _arranged(config: MergekitConfig, tensor: ResultTensor) -> tuple[list[SourceTensor], SourceTensor | None]:
    """The tensors to combine in the order that the strategy needs, and that of a base that is apart."""
    base = next((each for each in tensor.inputs if each.source.model == tensor.part.base), None)
    others = [each for each in tensor.inputs if each is not base]
    if config.method.base is BasePlace.NONE or base is None:
        return list(tensor.inputs), None
    return ([base, *others], None) if config.method.base is BasePlace.OURS else (others, base)


def _refuse_factors(plans: Sequence[ParameterPlan]) -> None:
    """Refuse tensors that mean something only as factors of a product.

    Raises:
        UsageError: There are some to combine.
    """
    for plan in plans:
        if isinstance(plan.outcome, MergeRule) and factor_name(plan.name):
            raise UsageError(
                f"{plan.name} is a factor of an adapter, which mergekit's methods don't combine",
                "combine adapters by their products: git theta combine -s lora-svd",
            )


def _layer_notes(config: MergekitConfig, first: Model) -> Iterator[str]:
    """A remark about the number of layers, if it isn't that of the first model."""
    if config.is_whole:
        return
    found = (layer_of(entry.name) for entry in parameter_entries(first.manifest))
    before, count = len({layer[1] for layer in found if layer}), sum(part.length for part in config.slices)
    if before != count:
        yield f"the result has {count} layers, and {first.name} has {before}: change its configuration, too"
