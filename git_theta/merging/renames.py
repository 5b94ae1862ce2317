"""Patterns by which parameters of other models have the names of ours: `bert.*=*` drops `bert.`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from git_theta.errors import UsageError

_STAR = "*"


@dataclass(frozen=True, slots=True)
class Rename:
    """A pattern of names in another model, and what ours has for them.

    Attributes:
        old: A name, or a pattern with one `*`.
        new: A name, or a pattern with one `*`, for which the text of the other `*` is put.
    """

    old: str
    new: str

    def renamed(self, name: str) -> str | None:
        """The name in ours; `None` for a name that the pattern isn't for."""
        before, star, after = self.old.partition(_STAR)
        if not star:
            return self.new if name == self.old else None
        if len(name) < len(before) + len(after) or not (name.startswith(before) and name.endswith(after)):
            return None
        return self.new.replace(_STAR, name[len(before) : len(name) - len(after)])

    def __str__(self) -> str:
        """The text that `parse_rename` reads."""
        return f"{self.old}={self.new}"


def parse_rename(text: str) -> Rename:
    """A pattern of names from `OLD=NEW`.

    Raises:
        UsageError: The text isn't that, or the sides don't both have one `*` or none.
    """
    old, sign, new = text.partition("=")
    stars = old.count(_STAR), new.count(_STAR)
    if not (old and sign and new) or stars not in ((0, 0), (1, 1)):
        raise UsageError(
            f"{text!r} doesn't say which parameters are renamed",
            "write OLD=NEW, in which both may have one *, for example: bert.*=*",
        )
    return Rename(old, new)


def new_names(names: Iterable[str], ours: Iterable[str], renames: Sequence[Rename]) -> dict[str, str]:
    """Name in another model → name in ours, of the parameters that patterns rename.

    A pattern by which no name becomes one of ours isn't for this model. Of several patterns for a name, the
    last one counts.

    Args:
        names: The names in the other model.
        ours: The names in ours.
        renames: The patterns.

    Raises:
        UsageError: Two parameters would have one name.
    """
    names, known = list(names), set(ours)
    fitting = [each for each in reversed(renames) if any(each.renamed(name) in known for name in names)]
    found = {name: new for name in names if (new := _first(name, fitting)) is not None and new != name}
    owners: dict[str, str] = {}
    for name in names:
        new = found.get(name, name)
        if new in owners:
            raise UsageError(f"both {owners[new]} and {name} would be renamed or called {new}")
        owners[new] = name
    return found


def unused_renames(renames: Iterable[Rename], models: Sequence[Iterable[str]]) -> dict[Rename, str]:
    """Pattern → reason, of the patterns that are for none of some models.

    Args:
        renames: The patterns.
        models: The names of the parameters of each model.
    """
    known = {name for names in models for name in names}
    found = {}
    for rename in renames:
        new = [each for each in map(rename.renamed, known) if each is not None]
        if not new:
            found[rename] = f"no parameter is called {rename.old}"
        elif known.isdisjoint(new):
            found[rename] = f"no model has {min(new)}, or another name that comes of it"
    return found


def _first(name: str, renames: Sequence[Rename]) -> str | None:
    return next((new for each in renames if (new := each.renamed(name)) is not None), None)


def names_like(base: Iterable[str], ours: Iterable[str], theirs: Mapping[str, str]) -> Mapping[str, str]:
    """The new names of the parameters of a base; none if it's rather named as ours than as theirs.

    Args:
        base: The names in the base.
        ours: The names in ours.
        theirs: Name in theirs → name in ours, as `new_names` gives it.
    """
    there = set(base)
    as_theirs, as_ours = there & theirs.keys(), there & set(ours)
    return {name: theirs[name] for name in as_theirs} if len(as_theirs) > len(as_ours) else {}
