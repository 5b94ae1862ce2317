"""The structural change of a model: its modules before and after."""

from __future__ import annotations

from dataclasses import dataclass

from git_theta.lineage.structure.comparison import StructureComparison, compare_structures
from git_theta.report.change import CheckpointChange


@dataclass(frozen=True, slots=True)
class StructureChange:
    """The structural change of a model.

    Attributes:
        change: The change of its parameters.
        comparison: Its modules before and after; `None` if one of the sides has a problem.
    """

    change: CheckpointChange
    comparison: StructureComparison | None


def structure_change(change: CheckpointChange) -> StructureChange:
    """Compare the modules of both versions of a model; one that isn't there has none."""
    if change.old.problem or change.new.problem:
        return StructureChange(change, None)
    old, new = (side.manifest.entries if side.manifest else () for side in (change.old, change.new))
    return StructureChange(change, compare_structures(old, new))
