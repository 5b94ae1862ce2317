"""The environment variables that give a command merge rules: one of our own, and those of `git -c`."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

#: Merge rules for one command.
RULES_VARIABLE = "GIT_THETA_MERGE"

#: Git settings that are merge rules, in lower case. The last one is for commands that apply a change.
RULE_KEYS = ("theta.merge", "theta.mergerule", "theta.pickmerge")

#: Variables by which Git passes the settings of `git -c` on: all of them as one text, or one by one.
_ALL, _KEY = "GIT_CONFIG_PARAMETERS", "GIT_CONFIG_KEY_"


def gives_rules(environment: Mapping[str, str]) -> bool:
    """Whether an environment has merge rules."""
    return bool(environment.get(RULES_VARIABLE)) or gives_settings(environment)


def gives_settings(environment: Mapping[str, str]) -> bool:
    """Whether an environment has merge rules as settings of `git -c`."""
    keys = [value for name, value in environment.items() if name.startswith(_KEY)]
    text = "\n".join((environment.get(_ALL, ""), *keys)).lower()
    return any(key in text for key in RULE_KEYS)
