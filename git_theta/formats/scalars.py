"""The scalars of a file, which are its values besides tensors: metadata, counters, settings."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice

from git_theta import formats
from git_theta.errors import FormatError, ThetaError
from git_theta.formats.base import HasScalars
from git_theta.formats.split import OPAQUE

#: A checkpoint with more scalars isn't listed.
_MAX_SCALARS = 200_000


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
        found = dict(islice(plugin.scalars(data), _MAX_SCALARS + 1))
    except FormatError:
        raise
    except Exception as error:
        # Whatever goes wrong in a plugin must not keep a diff from being shown.
        raise FormatError(f"the format {name} fails: {type(error).__name__}: {error}") from error
    if len(found) > _MAX_SCALARS:
        raise FormatError(f"more than {_MAX_SCALARS} values that aren't tensors")
    return found
