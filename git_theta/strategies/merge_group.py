"""Merge one group of parameters, and check that a strategy gives the values that it said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from git_theta.errors import PluginError
from git_theta.model.tensor import TensorSpec
from git_theta.strategies.groups import GroupCase, GroupStrategy, GroupValues
from git_theta.strategies.merge_parameter import NonFinite
from git_theta.updates.rounding import widen

if TYPE_CHECKING:
    from git_theta.strategies.groups import Values
    from git_theta.updates.base import Words


def merge_group(
    strategy: GroupStrategy,
    options: Any,
    case: GroupCase,
    specs: Mapping[str, TensorSpec],
    values: Sequence[Values],
) -> GroupValues:
    """The merged values of a group.

    Args:
        strategy: The strategy.
        options: An instance of the strategy's options.
        case: The group.
        specs: Dtypes and shapes of the result, as the strategy said.
        values: The values of each model, then those of the base if there's one.

    Raises:
        UsageError: The options don't fit the number of models, or a value doesn't allow it.
        PluginError: The strategy gives other parameters or shapes than it said.
    """
    merged = strategy.merge_group(case, values, options)
    shapes = {name: value.shape for name, value in merged.values.items()}
    if shapes != {name: spec.shape for name, spec in specs.items()}:
        raise PluginError(f"{strategy.name!r} gives {case.group!r} other parameters or shapes than it said")
    return merged


def new_non_finite(name: str, spec: TensorSpec, words: Words) -> NonFinite | None:
    """The elements of a value that aren't finite; `None` if all are.

    Args:
        name: Name of the parameter.
        spec: Its dtype and shape.
        words: Its machine words.
    """
    import numpy as np

    numbers = widen(words, spec.dtype)
    nans, infinities = int(np.isnan(numbers).sum()), int(np.isinf(numbers).sum())
    return NonFinite(name, spec, nans, infinities) if nans or infinities else None
