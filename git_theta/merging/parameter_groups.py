"""Groups of parameters that are combined at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

from git_theta.merging.converted import ConvertedValues
from git_theta.merging.layer_positions import positions_of
from git_theta.merging.outcome import ParameterPlan
from git_theta.merging.rules import MergeRule
from git_theta.model.manifest import Entry


@dataclass(frozen=True, slots=True)
class ParameterGroup:
    """Parameters that are combined at once, as their merged values are equal or only mean something together.

    Values are equal where all their versions and their rules are.

    Attributes:
        rule: The rule that combines the versions.
        position: Position of the parameters' layer, if options of the rule are gradients.
        plans: The parameters; at least one.
        inputs: The versions to combine: those of each parameter, or of all that are combined together.
    """

    rule: MergeRule
    position: float
    plans: tuple[ParameterPlan, ...]
    inputs: tuple[Entry, ...]

    @property
    def together(self) -> bool:
        """Whether the strategy makes the values together."""
        return self.plans[0].group is not None

    @property
    def nbytes(self) -> int:
        """Size of the largest value, in bytes."""
        return max(entry.spec.nbytes for entry in self.inputs)


def parameter_groups(plans: Iterable[ParameterPlan], values: ConvertedValues) -> list[ParameterGroup]:
    """The parameters to combine. Tied parameters have equal values everywhere, and must stay equal."""
    groups: dict[tuple[MergeRule, float, object], list[ParameterPlan]] = defaultdict(list)
    plans = list(plans)
    positions = positions_of(plans)
    for plan in plans:
        if isinstance(plan.outcome, MergeRule) and plan.group:
            groups[plan.outcome, positions.get(plan.name, 0.0), id(plan.group)].append(plan)
        elif isinstance(plan.outcome, MergeRule):
            digests = tuple(version and version.digest for version in (plan.base, *plan.sides))
            contents = (plan.sides[0] and plan.sides[0].spec, plan.dtype, digests)
            groups[plan.outcome, positions.get(plan.name, 0.0), contents].append(plan)
    return [
        ParameterGroup(rule, position, tuple(plans), tuple(values.origins(_inputs(plans))))
        for (rule, position, _), plans in groups.items()
    ]


def _inputs(plans: Sequence[ParameterPlan]) -> tuple[Entry, ...]:
    """The versions whose values are read for a group."""
    return tuple(chain.from_iterable(plan.inputs for plan in (plans if plans[0].group else plans[:1])))
