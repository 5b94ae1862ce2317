"""Possible conflicts of a merge: neighbours in the flow of values that different sides changed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from git_theta.lineage.structure.module_graph import module_graph
from git_theta.lineage.structure.module_names import module_parameters
from git_theta.model.tensor import TensorSpec


@dataclass(frozen=True, slots=True)
class PossibleConflict:
    """Two modules that different sides changed.

    Attributes:
        source: The module that comes first.
        target: The module that it feeds.
    """

    source: str
    target: str


def possible_conflicts(
    specs: Mapping[str, TensorSpec], changed: Sequence[Collection[str]]
) -> tuple[PossibleConflict, ...]:
    """Neighbours in the flow of values that different sides changed, in the order of layers.

    Each change was made with the other module as it was, so both together may do worse than either. A module
    that several sides changed is no possible conflict with itself: the merge decides about it.

    Args:
        specs: Name → dtype and shape of each parameter, of all versions.
        changed: Names of the parameters that each side changed.
    """
    if sum(map(bool, changed)) < 2:
        return ()
    parameters = module_parameters(specs)
    modules = {
        tensor: module for module, found in parameters.items() for each in found for tensor in each.tensors
    }
    sides = [{modules[name] for name in side if name in modules} for side in changed]
    if sum(map(bool, sides)) < 2 or len(set().union(*sides)) < 2:
        return ()
    graph = module_graph(parameters)
    changers = [frozenset(at for at, side in enumerate(sides) if name in side) for name in graph.names]
    return tuple(
        PossibleConflict(graph.names[source], graph.names[target])
        for source, target in graph.flow
        if min(source, target) >= 0 and _are_different_sides(changers[source], changers[target])
    )


def _are_different_sides(one: Collection[int], other: Collection[int]) -> bool:
    """Whether there are two sides of which each changed one of two modules."""
    return bool(one) and bool(other) and len({*one, *other}) > 1
