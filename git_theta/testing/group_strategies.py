"""The contract check for merge strategies of groups of parameters."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from git_theta.errors import UsageError
from git_theta.model.tensor import TensorSpec
from git_theta.strategies.groups import GroupCase, GroupStrategy, GroupValues, GroupVersion
from git_theta.strategies.merge_group import merge_group
from git_theta.testing.strategies import default_options

_MANY_WEIGHTS = (1.0,) * 7


def check_group_strategy(
    plugin: GroupStrategy, specs: Mapping[str, TensorSpec], settings: Mapping[str, Any]
) -> None:
    """Check a merge strategy for groups with its default options.

    * Its options are a frozen dataclass, and every default can be written as text.
    * The parameters are one group, and others are in none.
    * The result has the names of the models, and the values have the shapes that were said.
    * The same models give the same values each time.
    * A wrong number of weights is a UsageError, if there's an option `weights`.

    Args:
        plugin: The strategy.
        specs: Names of one group's parameters, with dtypes and shapes.
        settings: Settings for all models and for the result.

    Raises:
        AssertionError: The message names the broken rule.
    """
    chosen = default_options(plugin)
    groups = {plugin.group_of(name) for name in specs}
    assert len(groups) == 1, f"{plugin.name} puts one group's parameters into {len(groups)}"
    assert None not in groups, f"{plugin.name} doesn't know the parameters of its group"
    assert plugin.group_of("") is None, f"{plugin.name} is for every parameter"
    version = GroupVersion(specs, settings)
    case = GroupCase(str(groups.pop()), (version, version), version, settings)
    values = [_sample(specs, seed) for seed in range(3)]
    first, again = (_merged(plugin, chosen, case, values) for _ in range(2))
    assert first.values.keys() == specs.keys(), f"{plugin.name} gives other parameters than the models have"
    same = all(np.array_equal(value, again.values[name]) for name, value in first.values.items())
    assert same, f"{plugin.name} gives two values for the same models"
    assert 0 <= first.kept <= 1, f"{plugin.name} keeps a share of {first.kept}"
    if hasattr(chosen, "weights"):
        wrong = dataclasses.replace(chosen, weights=_MANY_WEIGHTS)
        try:
            _merged(plugin, wrong, case, values)
        except UsageError:
            return
        raise AssertionError(f"{plugin.name} accepts {len(_MANY_WEIGHTS)} weights for two models")


def _merged(
    plugin: GroupStrategy, chosen: Any, case: GroupCase, values: Sequence[Mapping[str, Any]]
) -> GroupValues:
    return merge_group(plugin, chosen, case, plugin.result(case, chosen), values)


def _sample(specs: Mapping[str, TensorSpec], seed: int) -> dict[str, Any]:
    random = np.random.default_rng(seed)
    return {name: random.standard_normal(spec.shape) for name, spec in specs.items()}
