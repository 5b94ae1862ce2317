"""Patterns of modules in an adapter's settings: regular expressions of strangers, matched in limited time."""

from __future__ import annotations

import re

from git_theta.adapters.factor_names import CONFIG
from git_theta.errors import UsageError

#: Longer patterns and names aren't matched: the time for a pattern of a stranger grows with both.
_MAX_PATTERN = 500
_MAX_NAME = 500

#: Patterns that may take a time that is exponential or a high power of a name's length.
_SLOW = re.compile(r"\)\s*[*+{]|(?:[^\\][*+{].*){3}", re.DOTALL)


def is_end(pattern: str, module: str) -> bool:
    """Whether PEFT takes a pattern for a module by its end: of the whole name, or after a dot.

    Raises:
        UsageError: The pattern can't be matched.
    """
    if module == pattern or module.endswith(f".{pattern}"):
        return True
    if re.fullmatch(r"[\w-]+(\.[\w-]+)*", pattern) and "." not in pattern:
        return False
    return _match(rf"(.*\.)?({pattern})$", pattern, module)


def is_whole(pattern: str, module: str) -> bool:
    """Whether a pattern matches the whole name of a module.

    Raises:
        UsageError: The pattern can't be matched.
    """
    return module == pattern or _match(rf"(?:{pattern})\Z", pattern, module)


def _match(expression: str, pattern: str, module: str) -> bool:
    if len(pattern) > _MAX_PATTERN or len(module) > _MAX_NAME or _SLOW.search(pattern):
        raise UsageError(f"the adapter's {CONFIG} has a pattern that is too complex: {pattern[:80]!r}")
    try:
        return re.match(expression, module) is not None
    except (re.error, RecursionError, OverflowError) as error:
        raise UsageError(
            f"the adapter's {CONFIG} has a pattern that isn't a regular expression: {error}"
        ) from error
