"""Merge rules as options of commands: `-s STRATEGY --set KEY=VALUE --param GLOB`."""

from __future__ import annotations

from collections.abc import Sequence

from git_theta.errors import UsageError
from git_theta.git.repository.merge_rules import check_rule
from git_theta.merge.rules import MergeRule


def rule_of(
    strategy: str | None, settings: Sequence[str], parameters: Sequence[str] = ()
) -> MergeRule | None:
    """The rule of the options `-s`, `--set` and `--param`; `None` without a strategy.

    Args:
        strategy: Name of the strategy.
        settings: Options of the strategy, each `KEY=VALUE`.
        parameters: Globs of names of parameters; empty for all parameters.

    Raises:
        UsageError: The strategy or an option is unknown, or an option isn't valid.
    """
    if not strategy:
        if settings or parameters:
            raise UsageError("--set and --param need a strategy", "for example: -s ties")
        return None
    options = {}
    for setting in settings:
        key, sign, value = setting.partition("=")
        if not (key and sign and value):
            raise UsageError(f"--set {setting!r} isn't KEY=VALUE")
        if key in options:
            raise UsageError(f"--set {key} is given twice")
        options[key] = value
    rule = MergeRule(strategy, tuple(sorted(options.items())), tuple(parameters) or ("*",))
    check_rule(rule)
    return rule
