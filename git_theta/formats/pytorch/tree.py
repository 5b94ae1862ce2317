"""Name every tensor in a tree of inert nodes as a `state_dict` would."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from git_theta.formats.pickle.nodes import Object
from git_theta.formats.pickle.tree import (
    Edge,
    added_edges,
    argument_edges,
    container_edges,
    named_tensors,
    state_edges,
)
from git_theta.formats.pytorch.views import View, as_view, is_subclass, is_wrapper

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Attributes of a pickled `nn.Module` whose items have names of their own.
MODULE_PARTS = frozenset(("_parameters", "_buffers", "_modules"))


def named_views(root: Any, prefix: str = "") -> Iterator[tuple[str, View]]:
    """Every tensor below `root` under its name, see `named_nodes`."""
    return ((name, view) for name, _, view in named_nodes(root, prefix))


def named_nodes(root: Any, prefix: str = "") -> Iterator[tuple[str, Any, View]]:
    """Every tensor below `root`, its node too, see `git_theta.formats.pickle.tree.named_tensors`."""
    return named_tensors(root, prefix, as_view, edges_of, is_wrapper)


def edges_of(node: Any, first: bool, is_tensor: bool) -> Iterator[Edge]:
    """The steps from a node to its children.

    Args:
        node: Any node.
        first: Whether the node is met for the first time; later, only the tensor that it wraps is a child.
        is_tensor: Whether the node is a tensor; its own description isn't a child.
    """
    if isinstance(node, Object):
        if is_wrapper(node):
            yield None, node.args[0]
        if first:
            yield from _parts(node, is_tensor)
    else:
        yield from container_edges(node)


def _parts(node: Object, is_tensor: bool) -> Iterator[Edge]:
    """The children of an object: arguments that don't describe a tensor, attributes, items."""
    if is_wrapper(node):
        yield from ((None, arg) for arg in node.args[1:])
    elif is_subclass(node):
        if not is_tensor:
            yield None, node.args[2]
        yield from state_edges(node.args[3], MODULE_PARTS)
    elif not is_tensor:
        yield from argument_edges(node)
    yield from state_edges(node.state, MODULE_PARTS)
    yield from added_edges(node)
