"""The plain values of a pickle: numbers, strings and Booleans, by their path of keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from git_theta.errors import FormatError
from git_theta.formats.pickle.tree import Edge, Edges, join

#: Steps through the tree, as a bound on time.
_MAX_STEPS = 2_000_000

#: The name of a value that is all of a pickle.
ALONE = "value"

_SHOWN = frozenset((bool, int, float, str, type(None)))


def plain_text(node: Any) -> str | None:
    """The `repr` of a plain value; `None` for other nodes."""
    return repr(node) if type(node) in _SHOWN else None


def plain_values(
    root: Any,
    edges_of: Edges,
    is_tensor: Callable[[Any], bool],
    text_of: Callable[[Any], str | None] = plain_text,
) -> Iterator[tuple[str, str]]:
    """The texts of plain values below `root`, depth first, without those that describe tensors.

    A container that is reached by several paths is looked at on the first one.

    Args:
        root: The tree.
        edges_of: See `git_theta.formats.pickle.tree.Edges`.
        is_tensor: Whether a node is a tensor.
        text_of: The text of a plain value; `None` for other nodes.

    Raises:
        FormatError: The tree is too large.
    """
    alone = text_of(root)
    if alone is not None:
        yield ALONE, alone
        return
    visited: set[int] = set()
    taken = 0
    pending: list[tuple[str, Iterator[Edge]]] = [("", iter([(None, root)]))]
    while pending:
        parent, steps = pending[-1]
        for key, node in steps:
            taken += 1
            if taken > _MAX_STEPS:
                raise FormatError(f"more than {_MAX_STEPS} objects")
            path = join(parent, key)
            text = text_of(node)
            if text is not None:
                # Positional arguments have no key, and mean nothing to a reader.
                if key is not None:
                    yield path, text
                continue
            if id(node) in visited or is_tensor(node):
                continue
            visited.add(id(node))
            pending.append((path, edges_of(node, True, False)))
            break
        else:
            pending.pop()
