"""Name every tensor in a tree of inert nodes as a `state_dict` would."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from git_theta.errors import FormatError
from git_theta.formats.pickle.nodes import Bytes, Dict, Global, Object, PersistentId
from git_theta.formats.pytorch.views import View, as_view, is_subclass, is_wrapper

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Edges of the tree, and tensors, as a bound on the time spent on it.
_MAX_EDGES = 6_000_000
_MAX_TENSORS = 300_000

#: Characters of one name, and of all.
_MAX_NAME = 4096
_MAX_NAMES = 1 << 26

#: Attributes of a pickled `nn.Module` whose items have names of their own.
MODULE_PARTS = frozenset(("_parameters", "_buffers", "_modules"))

#: Nodes without children, and nodes that may be tensors.
_PLAIN = frozenset((type(None), bool, int, float, str, Bytes, Global))
_TENSORS = frozenset((Object, PersistentId))

#: A step down the tree: the key, or `None` if the child has its parent's name, and the child.
Edge = tuple[str | None, Any]


def named_views(root: Any, prefix: str = "") -> Iterator[tuple[str, View]]:
    """Every tensor below `root` under its name, see `named_nodes`."""
    return ((name, view) for name, _, view in named_nodes(root, prefix))


def named_nodes(root: Any, prefix: str = "") -> Iterator[tuple[str, Any, View]]:
    """Every tensor below `root`, its node too, depth first, under its path of keys joined by `/`.

    A container that is reached by several paths is looked at on the first one; a tensor that is
    reached by several gets a name for each. A tensor at the root is called `tensor`.

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
            view = as_view(node) if kind in _TENSORS else None
            if view is not None:
                tensors += 1
                characters += len(path)
                if tensors > _MAX_TENSORS or characters > _MAX_NAMES:
                    raise FormatError("too many tensors")
                yield path or "tensor", node, view
            first = id(node) not in visited
            visited.add(id(node))
            if first or is_wrapper(node):
                pending.append((path, edges_of(node, first, view is not None)))
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


def edges_of(node: Any, first: bool, is_tensor: bool) -> Iterator[Edge]:
    """The steps from a node to its children.

    Args:
        node: Any node.
        first: Whether the node is met for the first time; later, only the tensor that it wraps is a child.
        is_tensor: Whether the node is a tensor; its own description isn't a child.
    """
    if isinstance(node, Dict):
        yield from _pairs(node.pairs)
    elif isinstance(node, (list, tuple)):
        yield from _items(node)
    elif isinstance(node, Object):
        if is_wrapper(node):
            yield None, node.args[0]
        if first:
            yield from _parts(node, is_tensor)


def _parts(node: Object, is_tensor: bool) -> Iterator[Edge]:
    """The children of an object: arguments that don't describe a tensor, attributes, items."""
    if is_wrapper(node):
        yield from ((None, arg) for arg in node.args[1:])
    elif is_subclass(node):
        if not is_tensor:
            yield None, node.args[2]
        yield from _state(node.args[3])
    elif is_listed_dict(node):
        yield from _listed_pairs(node.args[0])
    elif not is_tensor:
        yield from _items(node.args)
    yield from _state(node.state)
    yield from _items(node.items or ())
    yield from _pairs(node.pairs or [])


def is_listed_dict(node: Object) -> bool:
    """Whether an object is a dictionary made of a list of pairs, as Python 2 pickled them."""
    made_by = node.callable.name if isinstance(node.callable, Global) else ""
    return made_by in ("OrderedDict", "dict") and len(node.args) == 1 and isinstance(node.args[0], list)


def _state(state: Any) -> Iterator[Edge]:
    """Attributes, which are a dictionary, or a pair of dictionaries: of attributes and of slots."""
    for part in state if isinstance(state, tuple) and len(state) == 2 else (state,):
        if not isinstance(part, Dict):
            yield None, part
            continue
        for key, value in _pairs(part.pairs):
            yield (None if key in MODULE_PARTS else key), value


def _items(items: list[Any] | tuple[Any, ...]) -> Iterator[Edge]:
    for index, item in enumerate(items):
        yield str(index), item


def _listed_pairs(pairs: list[Any]) -> Iterator[Edge]:
    for index, pair in enumerate(pairs):
        if isinstance(pair, (list, tuple)) and len(pair) == 2:
            yield key_name(pair[0], index), pair[1]


def _pairs(pairs: list[tuple[Any, Any]]) -> Iterator[Edge]:
    for index, (key, value) in enumerate(pairs):
        yield key_name(key, index), value


def key_name(key: Any, index: int) -> str:
    """A key as part of a name; the position of its pair if the key isn't a plain value."""
    return str(key) if key is None or isinstance(key, (str, int, float)) else str(index)
