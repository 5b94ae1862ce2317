"""The values in a text of JSON, by their paths of keys."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from git_theta.errors import FormatError

#: Bytes of a text, and characters of all paths and values.
_MAX_TEXT = 1 << 24
_MAX_CHARACTERS = 1 << 26

#: Keras's identities of objects that are used in several places: addresses, which differ in each process.
_IDENTITY = "shared_object_id"


def json_leaves(text: bytes) -> dict[str, str]:
    """Each value as JSON, by its path of keys and indices joined by `/`; empty containers are values.

    Identities of objects are replaced by their numbers in order.

    Raises:
        FormatError: The text isn't JSON, or has more than real ones.
    """
    if len(text) > _MAX_TEXT:
        raise FormatError("a text of JSON is too long")
    try:
        root = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"a text isn't valid JSON: {error}") from error
    found: dict[str, str] = {}
    left = _MAX_CHARACTERS
    numbers: dict[object, int] = {}
    for path, value in _leaves(root):
        if path.endswith(_IDENTITY):
            value = numbers.setdefault(repr(value), len(numbers))
        found[path] = json.dumps(value, ensure_ascii=False)
        left -= len(path) + len(found[path])
        if left < 0:
            raise FormatError("a text of JSON has more values than real ones")
    return found


def _leaves(root: Any) -> Iterator[tuple[str, Any]]:
    pending: list[tuple[str, Any]] = [("", root)]
    while pending:
        path, value = pending.pop()
        if isinstance(value, dict) and value:
            pairs = list(value.items())
        elif isinstance(value, list) and value:
            pairs = [(str(index), each) for index, each in enumerate(value)]
        else:
            yield path, value
            continue
        pending += reversed([(f"{path}/{key}" if path else key, each) for key, each in pairs])
