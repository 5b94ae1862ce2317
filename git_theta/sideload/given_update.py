"""Steps: the side-loaded updates of a parameter, and the updates that a user can name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from git_theta import updates
from git_theta.errors import UsageError
from git_theta.updates.side_loaded import Given, GivesValue, Lossy, StoredAsGiven

#: An update that is made of update data.
FromData: TypeAlias = StoredAsGiven | GivesValue

#: The built-in updates that can be side-loaded, in the order of the help.
BUILTIN_TYPES = ("low-rank", "sparse", "ia3", "dense", "quantized", "sign")


@dataclass(frozen=True, slots=True)
class GivenUpdate:
    """One side-loaded update of one parameter.

    Attributes:
        update: The update.
        given: The tensors that it's made of, by part.
    """

    update: FromData
    given: Given


def side_loaded(name: str) -> FromData | Lossy:
    """The update of that name, built in or from a plugin, for `git theta add --update-type`.

    Raises:
        PluginError: There's no such update, or it can't be used.
        UsageError: The update can't be side-loaded.
    """
    update = updates.registry().get(name)
    if not isinstance(update, StoredAsGiven | GivesValue | Lossy):
        types = f"{', '.join(BUILTIN_TYPES)}, or a plugin's update that can be"
        raise UsageError(f"an update of type {name!r} can't be side-loaded", f"types: {types}")
    return update
