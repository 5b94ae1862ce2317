"""The comparison of two models by their structure: matching modules, and divergence."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from git_theta.lineage.structure.divergence import (
    FlowDifference,
    contextual_difference,
    structural_difference,
)
from git_theta.lineage.structure.match import StructureMatch, match_modules
from git_theta.lineage.structure.module_tree import module_tree
from git_theta.model.manifest import Entry


@dataclass(frozen=True, slots=True)
class StructureComparison:
    """Two models, compared by their structure.

    Attributes:
        match: The modules of both, and which of them correspond.
        structural: The edges that differ, by types and shapes.
        contextual: The edges that differ, by types, shapes and values.
    """

    match: StructureMatch
    structural: FlowDifference
    contextual: FlowDifference


def compare_structures(old: Iterable[Entry], new: Iterable[Entry]) -> StructureComparison:
    """Compare two models by their structure; no value is read.

    Args:
        old: The entries of all files of one model.
        new: The entries of all files of the other one.
    """
    match = match_modules(module_tree(old), module_tree(new))
    return StructureComparison(match, structural_difference(match), contextual_difference(match))
