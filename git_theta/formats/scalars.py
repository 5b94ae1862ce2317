"""The scalars of a file, which are its values besides tensors: metadata, counters, settings."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from git_theta import formats
from git_theta.errors import FormatError, ThetaError
from git_theta.formats.base import HasScalars
from git_theta.formats.split import OPAQUE

#: A checkpoint with more scalars, or with more characters in their names and texts, isn't listed: one text of
#: a file may be there very often.
_MAX_SCALARS = 200_000
_MAX_CHARACTERS = 1 << 26


def scalars(name: str, read: Callable[[], memoryview]) -> dict[str, str] | None:
    """The scalars of a file, each as a text.

    Args:
        name: The format.
        read: Gives the file's bytes; those of tensors may be missing. Called only if the format has scalars.

    Returns:
        Texts by path of keys; `None` if the format has no scalars or isn't installed.

    Raises:
        FormatError: The file is damaged, or has too many scalars.
        ThetaError: `read` fails.
    """
    try:
        plugin = None if name == OPAQUE else formats.registry().get(name)
    except ThetaError:
        return None
    if not isinstance(plugin, HasScalars):
        return None
    data = read()
    try:
        return _bounded(plugin.scalars(data))
    except FormatError:
        raise
    except Exception as error:
        # Whatever goes wrong in a plugin must not keep a diff from being shown.
        raise FormatError(f"the format {name} fails: {type(error).__name__}: {error}") from error


def _bounded(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    characters = 0
    for name, text in pairs:
        characters += len(name) + len(text)
        found[name] = text
        if len(found) > _MAX_SCALARS or characters > _MAX_CHARACTERS:
            raise FormatError("too many values that aren't tensors, or too long ones")
    return found
