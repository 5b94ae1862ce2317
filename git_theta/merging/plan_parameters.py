"""The plan of all parameters of a file: each by itself, then groups of parameters that need one outcome."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from git_theta.merging.group_parameters import group_parameters
from git_theta.merging.outcome import ParameterPlan
from git_theta.merging.plan_each import NONE_REFUSED, plan_each
from git_theta.merging.quantized import decide_quantized
from git_theta.merging.rules import MergeRules
from git_theta.merging.running_statistics import decide_statistics
from git_theta.merging.settings_versions import ReadSettings, no_settings
from git_theta.model.manifest import Manifest


def plan_parameters(
    base: Manifest | None,
    sides: Sequence[Manifest],
    rules: MergeRules,
    settings: ReadSettings = no_settings,
    refused: Mapping[str, str] = NONE_REFUSED,
    obstacles: Mapping[str, str] = NONE_REFUSED,
) -> tuple[ParameterPlan, ...]:
    """The outcome of each parameter, in the order of a manifest.

    Args:
        base: The merge base; `None` if there's none.
        sides: Ours, then theirs, and more in an octopus merge, with equal names for what corresponds.
        rules: The rules for this file.
        settings: Reads files of settings beside the versions.
        refused: Name → reason, of parameters for which the result of the first rule isn't wanted.
        obstacles: Name → reason, of parameters that can only be taken from a side.

    Raises:
        UsageError: A rule names an unknown strategy, or its options don't fit.
    """
    planned = decide_quantized(tuple(plan_each(base, sides, rules, refused, obstacles)), rules)
    return group_parameters(decide_statistics(planned, rules), rules, refused, settings)
