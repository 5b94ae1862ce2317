"""The children of a node as spots, under the same paths by which `tree` names tensors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from git_theta.formats.pickle.nodes import Dict, Object
from git_theta.formats.pickle.tree import is_listed_dict, join, key_name
from git_theta.formats.pytorch.tree import MODULE_PARTS
from git_theta.formats.pytorch.version_tree import Spot
from git_theta.formats.pytorch.views import is_wrapper

#: A key and the spot of its value.
Pair = tuple[Any, Spot]


def items(spot: Spot) -> list[Spot]:
    """The items of a list or tuple."""
    return _numbered(spot, spot.node)


def pairs(spot: Spot) -> list[Pair]:
    """The items of a dictionary."""
    return list(_keyed(spot, spot.node.pairs))


def pairs_of(spot: Spot) -> list[Pair]:
    """The items of a dictionary, or those that are set by key in an object."""
    return pairs(spot) if isinstance(spot.node, Dict) else added_pairs(spot)


def arguments(spot: Spot) -> list[Spot]:
    """The arguments that an object is made with, unless they are a list of pairs."""
    node: Object = spot.node
    if is_listed_dict(node):
        return []
    if is_wrapper(node):
        return [spot._replace(node=arg) for arg in node.args]
    return _numbered(spot, node.args)


def added_items(spot: Spot) -> list[Spot]:
    """Items that are appended to an object."""
    return _numbered(spot, spot.node.items or ())


def added_pairs(spot: Spot) -> list[Pair]:
    """Items that are set by key in an object, or that it's made of as a list of pairs."""
    node: Object = spot.node
    listed: list[Any] = node.args[0] if is_listed_dict(node) else []
    return [*_keyed(spot, [tuple(pair) for pair in listed]), *_keyed(spot, node.pairs or [])]


def attributes(spot: Spot) -> list[Pair]:
    """The items of a dictionary of attributes."""
    found = []
    for index, (key, value) in enumerate(spot.node.pairs):
        name = None if key in MODULE_PARTS else key_name(key, index)
        found.append((key, Spot(spot.side, join(spot.path, name), value)))
    return found


def state(spot: Spot) -> Spot:
    """An object's state."""
    return spot._replace(node=spot.node.state)


def halves(spot: Spot) -> list[Spot]:
    """The dictionary of attributes and that of slots, of a state that has both."""
    return [spot._replace(node=part) for part in spot.node]


def is_slotted(node: Any) -> bool:
    """Whether a state is a pair: attributes, and those in slots."""
    return (
        isinstance(node, tuple)
        and len(node) == 2
        and all(part is None or type(part) is Dict for part in node)
    )


def _numbered(spot: Spot, nodes: list[Any] | tuple[Any, ...]) -> list[Spot]:
    return [Spot(spot.side, join(spot.path, str(index)), node) for index, node in enumerate(nodes)]


def _keyed(spot: Spot, found: list[Any]) -> Iterator[Pair]:
    for index, (key, value) in enumerate(found):
        yield key, Spot(spot.side, join(spot.path, key_name(key, index)), value)
