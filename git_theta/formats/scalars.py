"""What a file says besides its tensors: metadata, counters, settings, as texts by name."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import islice

from git_theta.errors import FormatError

#: A checkpoint with more than this isn't listed.
_MOST = 200_000


def scalars(name: str, read: Callable[[], memoryview]) -> dict[str, str] | None:
    """Values that aren't tensors, each as the text that Python would show.

    Args:
        name: Of the format.
        read: Gives the file's bytes; those of tensors may be missing. Not called for a format that has
            nothing to tell.

    Returns:
        Texts by path of keys; `None` if the format isn't known here.

    Raises:
        FormatError: The file is damaged.
    """
    readers = {"safetensors": _metadata, "pytorch": _zipped, "pytorch-legacy": _legacy}
    if name not in readers:
        return None
    found = dict(islice(readers[name](read()), _MOST + 1))
    if len(found) > _MOST:
        raise FormatError(f"more than {_MOST} values that aren't tensors")
    return found


def _metadata(data: memoryview) -> Iterator[tuple[str, str]]:
    end = 8 + int.from_bytes(data[:8], "little")
    try:
        header = json.loads(bytes(data[8:end]).decode("utf-8"))
        pairs = header.get("__metadata__", {}).items()
    except (ValueError, AttributeError, RecursionError) as error:
        raise FormatError(f"the safetensors header isn't valid: {error}") from error
    for key, value in pairs:
        yield f"__metadata__/{key}", repr(value)


def _zipped(data: memoryview) -> Iterator[tuple[str, str]]:
    from git_theta.formats.pytorch.scalars import zipped_leaves

    return zipped_leaves(data)


def _legacy(data: memoryview) -> Iterator[tuple[str, str]]:
    from git_theta.formats.pytorch.scalars import legacy_leaves

    return legacy_leaves(data)
