"""Name every tensor in a tree of inert nodes by its path of keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from git_theta.errors import FormatError
from git_theta.formats.pickle.nodes import Bytes, Dict, Global, Object, PersistentId

#: Edges of the tree, and tensors, as a bound on the time spent on it.
_MAX_EDGES = 6_000_000
_MAX_TENSORS = 300_000

#: Characters of one name, and of all.
_MAX_NAME = 4096
_MAX_NAMES = 1 << 26

#: Nodes without children, and nodes that may be tensors.
_PLAIN = frozenset((type(None), bool, int, float, str, Bytes, Global))
_TENSORS = frozenset((Object, PersistentId))

#: A step down the tree: the key, or `None` if the child has its parent's name, and the child.
Edge = tuple[str | None, Any]

#: Gives the steps from a node to its children. Its arguments: the node; whether it's met for the first time;
#: whether it's a tensor, whose own description isn't a child.
Edges = Callable[[Any, bool, bool], Iterator[Edge]]

#: The description of a tensor.
T = TypeVar("T")


def named_tensors(
    root: Any,
    prefix: str,
    read: Callable[[Any], T | None],
    edges_of: Edges,
    again: Callable[[Any], bool] = lambda _node: False,
) -> Iterator[tuple[str, Any, T]]:
    """Every tensor below `root`, its node too, depth first, under its path of keys joined by `/`.

    A container that is reached by several paths is looked at on the first one; a tensor that is
    reached by several gets a name for each. A tensor at the root is called `tensor`.

    Args:
        root: The tree.
        prefix: The beginning of the names.
        read: Describes a node that is a tensor; `None` for other nodes.
        edges_of: See `Edges`.
        again: Whether a node that has been met before may lead to tensors that get further names.

    Raises:
        FormatError: A tensor is described wrongly, or the tree is too large.
    """
    visited: set[int] = set()
    characters = tensors = 0
    edges_left = _MAX_EDGES
    pending: list[tuple[str, Iterator[Edge]]] = [(prefix, iter([(None, root)]))]
    while pending:
        parent, edges = pending[-1]
        for key, node in edges:
            edges_left -= 1
            if edges_left < 0:
                raise FormatError(f"more than {_MAX_EDGES} objects")
            kind = type(node)
            if kind in _PLAIN:
                continue
            path = join(parent, key)
            found = read(node) if kind in _TENSORS else None
            if found is not None:
                tensors += 1
                characters += len(path)
                if tensors > _MAX_TENSORS or characters > _MAX_NAMES:
                    raise FormatError("too many tensors")
                yield path or "tensor", node, found
            first = id(node) not in visited
            visited.add(id(node))
            if first or again(node):
                pending.append((path, edges_of(node, first, found is not None)))
                break
        else:
            pending.pop()


def join(parent: str, key: str | None) -> str:
    """The name of a child.

    Raises:
        FormatError: The name is too long.
    """
    if key is None:
        return parent
    path = f"{parent}/{key}" if parent else key
    if len(path) > _MAX_NAME:
        raise FormatError(f"a name has more than {_MAX_NAME} characters")
    return path


def item_edges(items: list[Any] | tuple[Any, ...]) -> Iterator[Edge]:
    """The steps to the items of a sequence."""
    for index, item in enumerate(items):
        yield str(index), item


def pair_edges(pairs: list[tuple[Any, Any]]) -> Iterator[Edge]:
    """The steps to the values of a dictionary."""
    for index, (key, value) in enumerate(pairs):
        yield key_name(key, index), value


def key_name(key: Any, index: int) -> str:
    """A key as part of a name; the position of its pair if the key isn't a plain value."""
    return str(key) if key is None or isinstance(key, (str, int, float)) else str(index)


def container_edges(node: Any) -> Iterator[Edge]:
    """The steps from a dictionary, list or tuple to its children; none from other nodes."""
    if isinstance(node, Dict):
        yield from pair_edges(node.pairs)
    elif isinstance(node, (list, tuple)):
        yield from item_edges(node)


def state_edges(state: Any, unnamed: frozenset[str] = frozenset()) -> Iterator[Edge]:
    """The steps to attributes, which are a dictionary, or a pair of dictionaries: of attributes and of slots.

    Args:
        state: The state of an object.
        unnamed: Attributes whose items have no more than their own keys as names.
    """
    for part in state if isinstance(state, tuple) and len(state) == 2 else (state,):
        if not isinstance(part, Dict):
            yield None, part
            continue
        for key, value in pair_edges(part.pairs):
            yield (None if key in unnamed else key), value


def argument_edges(node: Object) -> Iterator[Edge]:
    """The steps to the arguments that an object is made of."""
    if is_listed_dict(node):
        yield from _listed_pairs(node.args[0])
    else:
        yield from item_edges(node.args)


def added_edges(node: Object) -> Iterator[Edge]:
    """The steps to what is appended to an object or set in it by key."""
    yield from item_edges(node.items or ())
    yield from pair_edges(node.pairs or [])


def is_listed_dict(node: Object) -> bool:
    """Whether an object is a dictionary made of a list of pairs, as Python 2 pickled them."""
    made_by = node.callable.name if isinstance(node.callable, Global) else ""
    return made_by in ("OrderedDict", "dict") and len(node.args) == 1 and isinstance(node.args[0], list)


def _listed_pairs(pairs: list[Any]) -> Iterator[Edge]:
    for index, pair in enumerate(pairs):
        if isinstance(pair, (list, tuple)) and len(pair) == 2:
            yield key_name(pair[0], index), pair[1]
