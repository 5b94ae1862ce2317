"""The contract check for merge strategies."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from git_theta.errors import UsageError
from git_theta.model.strided import temporary_file
from git_theta.model.tensor import TensorSpec
from git_theta.strategies import option_text
from git_theta.strategies.base import Strategy
from git_theta.strategies.merge_parameter import MergedParameter, ParameterInputs, merge_parameter
from git_theta.testing.values import SHAPES, as_input, sample_weights
from git_theta.updates.base import Input
from git_theta.updates.recipe import Recipe
from git_theta.updates.rounding import widen

#: Dtype → the largest relative error that counts as rounding; in F64 a sum may lose some digits.
_ROUNDING = {"F32": 2.0**-23, "F16": 2.0**-10, "BF16": 2.0**-7, "F64": 2.0**-40}

_MANY_WEIGHTS = (1.0,) * 7


def check_strategy(plugin: Strategy) -> None:
    """Check a merge strategy with its default options, on floats of several dtypes.

    * Its options are a frozen dataclass, and every default can be written as text.
    * The same models give the same value each time, and the value has the models' shape.
    * Models that equal their base give that value, but for rounding.
    * The recipe, if all operations have one, gives exactly the value.
    * A wrong number of weights is a UsageError, if there's an option `weights`.

    Raises:
        AssertionError: The message names the broken rule.
    """
    assert plugin.name, "a merge strategy has a name"
    chosen = default_options(plugin)
    for spec in (TensorSpec(dtype, shape) for dtype in _ROUNDING for shape in SHAPES):
        *models, base = (sample_weights(spec, seed) for seed in range(3))
        models = models[: plugin.max_models]
        merged = _merged(plugin, chosen, spec, models, base)
        again = _merged(plugin, chosen, spec, models, base)
        assert merged == again, f"{plugin.name} gives two values for the same models"
        equal = _merged(plugin, chosen, spec, [base] * len(models), base)
        assert _nearly(equal, base, spec), f"{plugin.name} changes models that are equal ({spec})"
    if hasattr(chosen, "weights"):
        _check_weights(plugin, dataclasses.replace(chosen, weights=_MANY_WEIGHTS))


def _check_weights(plugin: Strategy, wrong: Any) -> None:
    spec = TensorSpec("F32", (3,))
    one, other, base = (sample_weights(spec, seed) for seed in range(3))
    try:
        _merged(plugin, wrong, spec, [one, other], base)
    except UsageError:
        return
    raise AssertionError(f"{plugin.name} accepts {len(_MANY_WEIGHTS)} weights for two models")


def default_options(plugin: Strategy) -> Any:
    """An instance of a strategy's options, once they are checked.

    Raises:
        AssertionError: They aren't a frozen dataclass, or a default can't be written as text.
    """
    assert dataclasses.is_dataclass(plugin.options), f"{plugin.name}: its options aren't a dataclass"
    default = plugin.options()
    for field in dataclasses.fields(plugin.options):
        try:
            setattr(default, field.name, None)
        except dataclasses.FrozenInstanceError:
            continue
        raise AssertionError(f"{plugin.name}: its options can be changed")
    texts = {option.name: option.default for option in option_text.describe(plugin)}
    assert option_text.parse_options(plugin, texts).values == default, (
        f"{plugin.name}: its defaults can't be written as text"
    )
    return default


def _merged(plugin: Strategy, chosen: Any, spec: TensorSpec, models: Sequence[bytes], base: bytes) -> bytes:
    inputs = [as_input(value) for value in (*models, base)]
    seeds = range(len(models)) if plugin.reads_files else ()
    side_inputs = [(spec, as_input(sample_weights(spec, seed, positive=True))) for seed in seeds]
    versions = ParameterInputs("w", spec, inputs[:-1], inputs[-1], side_inputs)
    result = merge_parameter(plugin, chosen, versions, temporary_file)
    value = b"".join(map(bytes, result.value()))
    assert len(value) == spec.nbytes, f"{plugin.name} gives {len(value)} bytes for {spec}"
    assert value == b"".join(map(bytes, result.value())), f"{plugin.name}: its value can be read only once"
    _check_recipe(plugin, result, value, inputs)
    return value


def _check_recipe(plugin: Strategy, result: MergedParameter, value: bytes, inputs: Sequence[Input]) -> None:
    recipe = result.recipe()
    if recipe is None or result.has_nan:
        return
    payload, places = recipe
    decoded = Recipe().decode(memoryview(payload), [inputs[place] for place in places], len(value))
    assert b"".join(map(bytes, decoded)) == value, f"{plugin.name}: its recipe gives another value"


def _nearly(value: bytes, expected: bytes, spec: TensorSpec) -> bool:
    """Whether two values of one spec are the same but for rounding."""
    word = f"<u{spec.word_size}"
    first, second = (widen(np.frombuffer(each, word), spec.dtype) for each in (value, expected))
    return bool(np.all(np.abs(first - second) <= _ROUNDING[spec.dtype] * np.abs(second) + 1e-15))
