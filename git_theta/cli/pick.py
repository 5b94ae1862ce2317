"""Which parameters a user means: by glob, or by name."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from fnmatch import fnmatchcase

from git_theta.cli.render import printable
from git_theta.errors import UsageError
from git_theta.git.history.param_log import Wanted
from git_theta.model.manifest import Entry, Manifest


def matching(globs: Sequence[str]) -> Wanted:
    """Tells whether one of the globs is a name, or matches it."""
    return lambda name: any(name == glob or fnmatchcase(name, glob) for glob in globs)


def entry_of(manifest: Manifest, name: str, version: str) -> Entry:
    """The parameter of that name.

    Raises:
        UsageError: There's none; the hint has the closest names.
    """
    found = manifest.by_name.get(name)
    if not found:
        raise no_match([name], manifest.by_name, version)
    return found


def no_match(globs: Sequence[str], names: Collection[str], where: str) -> UsageError:
    """The error for parameters that aren't there, with the closest names."""
    said = " or ".join(map(printable, globs))
    near = [printable(name) for name in _closest(globs[0], names)]
    return UsageError(
        f"{printable(where)} has no parameter {said}",
        f"the closest: {', '.join(near)}" if near else "it has no parameters",
    )


def _closest(wanted: str, names: Iterable[str]) -> list[str]:
    from difflib import SequenceMatcher

    plain = wanted.strip("*?")
    matcher = SequenceMatcher(autojunk=False)
    matcher.set_seq2(plain)

    def likeness(name: str) -> tuple[bool, float]:
        matcher.set_seq1(name)
        return bool(plain) and plain in name, matcher.quick_ratio()

    return sorted(names, key=likeness, reverse=True)[:3]
