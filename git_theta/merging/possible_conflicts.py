"""Changes of the sides of a merge that may not go together, though no parameter is in conflict."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from git_theta.merging.manifest_parts import parameter_entries
from git_theta.merging.outcome import ParameterPlan, content_key
from git_theta.model.manifest import Entry, Manifest
from git_theta.model.tensor import TensorSpec

if TYPE_CHECKING:
    from git_theta.lineage.structure.possible_conflicts import PossibleConflict

#: The versions of a parameter: in the base, and on each side.
_Versions = tuple[Entry | None, Sequence[Entry | None]]


@dataclass(frozen=True, slots=True)
class SideChanges:
    """The parameters that each side of a merge changed.

    Attributes:
        specs: Name → dtype and shape of each parameter, of all versions.
        changed: Names of the parameters that each side changed, without changes that all sides made alike.
    """

    specs: Mapping[str, TensorSpec]
    changed: tuple[frozenset[str], ...]

    @property
    def everywhere(self) -> bool:
        """Whether every side changed every parameter, as fine-tunes do."""
        return min(len(self.specs), len(self.changed)) > 1 and all(
            len(names) == len(self.specs) for names in self.changed
        )

    def possible_conflicts(self) -> tuple[PossibleConflict, ...]:
        """Modules that different sides changed, and that feed each other."""
        if sum(map(bool, self.changed)) < 2:
            return ()
        # The merge driver starts often; it doesn't wait for this where only one side changed something.
        from git_theta.lineage.structure.possible_conflicts import possible_conflicts

        return possible_conflicts(self.specs, self.changed)


def changes_of_plans(plans: Iterable[ParameterPlan]) -> SideChanges:
    """The changes that a merge of parameters brings together."""
    return _side_changes({plan.name: (plan.base, plan.sides) for plan in plans})


def changes_of_versions(base: Manifest | None, sides: Sequence[Manifest]) -> SideChanges:
    """The changes of the sides of a model since their base."""
    before, *after = ({each.name: each for each in parameter_entries(one)} for one in (base, *sides))
    names = dict.fromkeys(name for table in (before, *after) for name in table)
    return _side_changes({name: (before.get(name), [table.get(name) for table in after]) for name in names})


def _side_changes(versions: Mapping[str, _Versions]) -> SideChanges:
    """Changes of parameters; none if there's no base, as nobody knows then who changed what."""
    if not any(base for base, _ in versions.values()):
        return SideChanges({}, ())
    specs = {}
    changed: list[set[str]] = [set() for _ in next(iter(versions.values()))[1]]
    for name, (base, sides) in versions.items():
        there = next((each for each in (*sides, base) if each), None)
        if there is None:
            continue
        specs[name] = there.spec
        before, after = content_key(base), [content_key(each) for each in sides]
        if len(set(after)) > 1:
            for names, now in zip(changed, after, strict=True):
                if now != before:
                    names.add(name)
    return SideChanges(specs, tuple(map(frozenset, changed)))
