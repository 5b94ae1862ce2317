"""Positions of parameters in a model's lists of layers, which decide what a gradient is for them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping

from git_theta.merging.outcome import ParameterPlan
from git_theta.merging.rules import MergeRule
from git_theta.strategies.gradients import has_gradient

#: A number in a name: the index of a layer. Some lists have a name before it: `encoder_layer_0`.
_INDEX = re.compile(r"(?:^|(?<=[./])|(?<=layer_)|(?<=block_))\d+(?=[./]|$)")


def layer_of(name: str) -> tuple[str, int] | None:
    """The list of layers that a parameter is in, and the index of its layer; `None` if it's in none.

    The list is what comes before the first number: `model.layers.3.mlp.experts.7.w1` is in layer 3 of
    `model.layers.`.
    """
    found = _INDEX.search(name)
    return (name[: found.start()], int(found.group())) if found else None


def in_layer(name: str, index: int) -> str:
    """The name of the same parameter in another layer of its list; the name itself if it's in none."""
    found = _INDEX.search(name)
    return name if found is None else f"{name[: found.start()]}{index}{name[found.end() :]}"


def layer_positions(names: Iterable[str]) -> Mapping[str, float]:
    """Name → position of its layer: 0 for the first of a list, 1 for the last; 0 for what is in no list.

    Each list of a model is counted on its own, so that an encoder and a decoder both go from 0 to 1. The only
    layer of a list has 1. That's as in mergekit.
    """
    layers = {name: layer_of(name) for name in names}
    last: dict[str, int] = defaultdict(int)
    for layer in layers.values():
        if layer:
            last[layer[0]] = max(last[layer[0]], layer[1])
    return {
        name: 0.0 if layer is None else layer[1] / last[layer[0]] if last[layer[0]] else 1.0
        for name, layer in layers.items()
    }


def positions_of(plans: Iterable[ParameterPlan]) -> Mapping[str, float]:
    """Name → position of its layer, of the parameters that a rule with gradients combines."""
    plans = list(plans)
    rules = {plan.outcome for plan in plans if isinstance(plan.outcome, MergeRule)}
    gradual = {rule for rule in rules if any(has_gradient(text) for _, text in rule.options)}
    if not gradual:
        return {}
    found = layer_positions(plan.name for plan in plans if plan.likely)
    return {plan.name: found[plan.name] for plan in plans if plan.outcome in gradual}
