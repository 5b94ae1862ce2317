"""Parameters that a user chooses: by name, or by a pattern such as `encoder.*`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from fnmatch import fnmatchcase

from git_theta.errors import UsageError
from git_theta.model.name_escapes import escape, sort_key
from git_theta.runtime.suggest import closest


def matches(name: str, patterns: Iterable[str]) -> bool:
    """Whether one of the patterns is this name, or matches it; `*` also matches `.` and `/`."""
    return any(name == pattern or fnmatchcase(name, pattern) for pattern in patterns)


def select(names: Collection[str], patterns: Iterable[str] | None, where: str) -> list[str]:
    """The names that match the patterns, sorted as in a manifest.

    Args:
        names: The names of all parameters.
        patterns: Names or patterns, or one as a text; `None` selects all. A pattern that's the name of a
            parameter means this one alone.
        where: The checkpoint that has the parameters, for the message of an error.

    Raises:
        UsageError: One of the patterns matches no name; the hint has the closest names.
    """
    if patterns is None:
        return sorted(names, key=sort_key)
    found: set[str] = set()
    for pattern in [patterns] if isinstance(patterns, str) else patterns:
        matching = [pattern] if pattern in names else [name for name in names if matches(name, [pattern])]
        if not matching:
            raise unknown_parameter([pattern], names, where)
        found.update(matching)
    return sorted(found, key=sort_key)


class UnknownParameterError(UsageError):
    """A name or pattern of parameters that a checkpoint doesn't have."""


def unknown_parameter(patterns: Sequence[str], names: Collection[str], where: str) -> UnknownParameterError:
    """The error for patterns that match no parameter; its hint has the names closest to the first of them.

    Args:
        patterns: Names or patterns.
        names: The names that there are.
        where: The checkpoint that has them.
    """
    near = [_printable(name) for name in closest(patterns[0], sorted(names, key=sort_key))]
    return UnknownParameterError(
        f"there's no parameter {' or '.join(map(repr, patterns))} in {where}",
        f"the closest: {', '.join(near)}" if near else "it has no parameters",
    )


def _printable(name: str) -> str:
    """A name as in a manifest, but with its spaces: safe on a terminal."""
    return escape(name).replace("%20", " ")
