"""Outcomes of a merge: of each parameter, and of the whole checkpoint."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field

from git_theta.merging.rules import MergeRule
from git_theta.model.manifest import Entry, Manifest
from git_theta.model.tensor import TensorSpec
from git_theta.strategies.groups import GroupCase
from git_theta.strategies.merge_parameter import NonFinite

#: The name of a conflict about the structure of a file: everything but parameters.
LAYOUT = ".layout"


@dataclass(frozen=True, slots=True)
class Taken:
    """A parameter that is as in one of the versions.

    Attributes:
        entry: The entry of that version; `None` if the parameter is removed.
        side: The only side that made this change; `None` if no side did, or all did.
        rule: The rule that decided; `None` if equality did.
    """

    entry: Entry | None
    side: int | None = None
    rule: MergeRule | None = None


@dataclass(frozen=True, slots=True)
class Conflict:
    """Something that a person must decide.

    Attributes:
        name: A parameter, a value that isn't a tensor, `LAYOUT`, or empty for the whole file.
        reason: What the sides did.
    """

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class GroupPlan:
    """A group of parameters that are merged together.

    Attributes:
        models: Indices of the sides that take part.
        case: The group, for its strategy.
        specs: Name → dtype and shape of each merged parameter.
        asked: The rule that stands in the settings, which may name a strategy for single parameters.
    """

    models: tuple[int, ...]
    case: GroupCase
    specs: Mapping[str, TensorSpec]
    asked: MergeRule


@dataclass(frozen=True, slots=True)
class ParameterPlan:
    """One parameter in all versions, and what becomes of it.

    Attributes:
        name: Name of the parameter.
        base: The entry in the merge base; `None` if the parameter isn't there.
        sides: The entry on each side, ours first; `None` where the parameter isn't there.
        outcome: The version to take, the rule that combines the changed sides, or a conflict.
        group: The group that the parameter is combined with; `None` if it's combined alone.
        dtype: Dtype of the result; empty for that of the versions.
    """

    name: str
    base: Entry | None
    sides: tuple[Entry | None, ...]
    outcome: Taken | MergeRule | Conflict
    group: GroupPlan | None = field(default=None, compare=False)
    dtype: str = ""

    @property
    def changed(self) -> tuple[int, ...]:
        """Indices of the sides that differ from the base."""
        return participants(self.base, self.sides, None)

    @property
    def models(self) -> tuple[int, ...]:
        """Indices of the sides that take part in a combination."""
        if self.group:
            return self.group.models
        rule = self.outcome if isinstance(self.outcome, MergeRule) else None
        return participants(self.base, self.sides, rule)

    @property
    def asked(self) -> MergeRule | None:
        """The rule that combines the parameter, as it stands in the settings; `None` if none does."""
        if self.group:
            return self.group.asked
        return self.outcome if isinstance(self.outcome, MergeRule) else None

    @property
    def likely(self) -> Entry | None:
        """An entry with the dtype and shape of the result; of a conflict, ours if it's there."""
        if isinstance(self.outcome, Taken):
            return self.outcome.entry
        return next((side for side in self.sides if side), None)

    @property
    def spec(self) -> TensorSpec | None:
        """Dtype and shape of the result, or of `likely`; `None` if the parameter isn't there."""
        found = self.group.specs[self.name] if self.group else self.likely.spec if self.likely else None
        return TensorSpec(self.dtype, found.shape) if found and self.dtype else found

    @property
    def inputs(self) -> tuple[Entry, ...]:
        """The entries to combine: the sides that take part, then the base.

        A parameter that is combined alone has no base of another dtype or shape.
        """
        if not isinstance(self.outcome, MergeRule):
            return ()
        models = [side for side in (self.sides[i] for i in self.models) if side]
        if self.group:
            return (*models, *([self.base] if self.base and self.group.case.base else []))
        return (*models, *([self.base] if self.base and self.base.spec == models[0].spec else []))


@dataclass(frozen=True, slots=True)
class Approximated:
    """A group of parameters whose merged values are an approximation.

    Attributes:
        group: Name of the group.
        strategy: Name of the strategy.
        kept: The share of the exact result that is kept, from 0 to 1.
        alternative: The strategy that would keep all; empty if there's none.
    """

    group: str
    strategy: str
    kept: float
    alternative: str = ""


@dataclass(frozen=True, slots=True)
class Merged:
    """The result of a merge, or of its plan.

    Attributes:
        manifest: The merged checkpoint; `None` if there are conflicts, or if nothing but a plan was made.
        parameters: Every parameter and its outcome; empty if one version of the file was taken as a whole.
        conflicts: What a person must decide.
        whole: The version that was taken as a whole: `ours`, `theirs`, `base`, …; empty if none was.
        non_finite: Parameters of the result with elements that aren't finite, and were so in no model.
        dropped: Changes of a side that aren't in the result, though no rule says so for each, in words.
        approximated: Groups of parameters whose values aren't exactly those of the strategy's method.
        notes: Differences between the versions that the merge bridges, in words.
        as_ours: Names of values besides parameters that several sides changed, and that are ours by default.
    """

    manifest: Manifest | None
    parameters: tuple[ParameterPlan, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    whole: str = ""
    non_finite: tuple[NonFinite, ...] = ()
    dropped: tuple[str, ...] = ()
    approximated: tuple[Approximated, ...] = ()
    notes: tuple[str, ...] = ()
    as_ours: tuple[str, ...] = ()


def content_key(entry: Entry | None) -> Hashable:
    """Equal for entries of the same dtype, shape and value, wherever the value is stored."""
    # Digests differ sooner than dtypes and shapes do.
    return None if entry is None else (entry.digest, entry.spec)


def participants(
    base: Entry | None, sides: Sequence[Entry | None], rule: MergeRule | None
) -> tuple[int, ...]:
    """Indices of the sides that a rule combines: those that differ from the base.

    A rule for all parameters combines all sides, if they have one dtype and shape.
    """
    if rule and rule.all_parameters:
        specs = {side and side.spec for side in sides}
        if len(specs) == 1 and None not in specs:
            return tuple(range(len(sides)))
    key = content_key(base)
    return tuple([i for i, side in enumerate(sides) if content_key(side) != key])


def side_name(index: int) -> str:
    """The name of a side in messages."""
    return {0: "ours", 1: "theirs"}.get(index, f"branch {index}")


def non_finite_text(found: NonFinite) -> str:
    """Words for elements that can't be right: `of 64 elements in F16, 3 infinite, which no version has`."""
    kinds = ((found.infinities, "infinite"), (found.nans, "NaN"), (found.negatives, "negative"))
    words = " and ".join(f"{count:,} {kind}" for count, kind in kinds if count)
    return f"of {math.prod(found.spec.shape):,} elements in {found.spec.dtype}, {words}, which no version has"
