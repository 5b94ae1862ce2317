"""The `state_dict` of an optimizer, which knows parameters by number only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from git_theta.formats.pickle.nodes import Dict
from git_theta.formats.pytorch import children
from git_theta.formats.pytorch.version_tree import Spot


class OptimizerState(NamedTuple):
    """An optimizer's `state_dict`.

    Attributes:
        states: Number of a parameter → its state.
        groups: The numbers of each group's parameters, as a fingerprint.
    """

    states: dict[int, Spot]
    groups: tuple[int, ...]


def optimizer_state(states: Spot, groups: Any, fingerprint: Callable[[Any], int]) -> OptimizerState | None:
    """The optimizer's state; `None` if it has no states by number.

    Args:
        states: The value of the key `state`.
        groups: The node of the key `param_groups`.
        fingerprint: The number of a value in `groups`, equal for equal values.
    """
    keyed = children.pairs(states) if isinstance(states.node, Dict) else []
    if not keyed or not all(type(key) is int for key, _ in keyed):
        return None
    numbers = [
        fingerprint(value)
        for group in (groups if isinstance(groups, list) else ())
        for key, value in (group.pairs if isinstance(group, Dict) else ())
        if key == "params"
    ]
    return OptimizerState(dict(keyed), tuple(numbers))
