"""The names of arrays in skops's archives, whose schema says which member is which attribute."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from git_theta.errors import FormatError

#: Bytes of a schema, and nodes in it.
MAX_SCHEMA = 1 << 24
_MAX_NODES = 2_000_000

#: Characters of a name.
_MAX_NAME = 4096


def array_names(schema: bytes) -> dict[str, str]:
    """The path of keys and attributes of each member, joined by `/`; the first one if there are several.

    Raises:
        FormatError: The schema is damaged or too large.
    """
    try:
        root = json.loads(schema)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"the schema isn't JSON: {error}") from error
    names: dict[str, str] = {}
    pending: list[Iterator[tuple[str, Any]]] = [iter([("", root)])]
    left = _MAX_NODES
    while pending:
        for path, node in pending[-1]:
            left -= 1
            if left < 0 or len(path) > _MAX_NAME:
                raise FormatError("the schema is too large")
            if isinstance(node, dict):
                if isinstance(file := node.get("file"), str):
                    names.setdefault(file, path)
                pending.append(_children(path, node))
                break
        else:
            pending.pop()
    return names


def _children(path: str, node: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """The nodes below one: items by key or position, else parts of the node by their names."""
    content = node.get("content")
    if isinstance(content, dict) and "__loader__" in content:
        # The attributes of an object.
        yield path, content
    elif isinstance(content, dict):
        yield from ((_join(path, key), value) for key, value in content.items())
    elif isinstance(content, list):
        yield from ((_join(path, str(index)), value) for index, value in enumerate(content))
    for key, value in node.items():
        if key != "content" and isinstance(value, dict) and "__loader__" in value:
            yield _join(path, key), value


def _join(path: str, key: str) -> str:
    return f"{path}/{key}" if path else key
