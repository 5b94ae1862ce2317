"""Recipes of merges with new inputs: the same sum, of the new versions of the merged models."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from git_theta.errors import ThetaError
from git_theta.model.manifest import Entry, Source

_RECIPE: Final = "recipe"


def with_new_inputs(entry: Entry, parents: Iterable[tuple[Entry, Entry]]) -> Source:
    """The source of a merged parameter, with the new versions of those that it was made of.

    Args:
        entry: The parameter of the merge.
        parents: The parameter of the same name in each parent that has changed: its old and its new version.

    Returns:
        The new source; the value that it gives isn't known yet.

    Raises:
        ThetaError: The parameter isn't stored as a recipe of the old versions, or a new one has another form.
    """
    changed = [(old, new) for old, new in parents if (old.spec, old.digest) != (new.spec, new.digest)]
    for old, new in changed:
        if old.spec != entry.spec or new.spec != entry.spec:
            raise ThetaError(f"parameter {entry.name!r} has another dtype or shape in a parent")
        if entry.digest == old.digest:
            return new.source
    found = {old.source: new.source for old, new in changed}
    used = set(_inputs(entry.source))
    if not found.keys() <= used:
        raise ThetaError(
            f"parameter {entry.name!r} isn't stored as a recipe of its parents",
            "record the command that merges: git theta run … -- git theta combine …",
        )
    return _replaced(entry.source, found)


def _inputs(source: Source) -> Iterator[Source]:
    """The inputs of a recipe, and those of recipes among them."""
    if source.update == _RECIPE:
        for each in source.inputs:
            yield each
            yield from _inputs(each)


def _replaced(source: Source, found: Mapping[Source, Source]) -> Source:
    """A source whose inputs are replaced, through recipes of recipes."""
    if source in found:
        return found[source]
    if source.update != _RECIPE:
        return source
    return replace(source, inputs=tuple(_replaced(each, found) for each in source.inputs))
