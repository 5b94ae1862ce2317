"""Compare trees of inert nodes: equal trees get equal numbers, across versions."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Hashable, Mapping
from typing import Any

from git_theta.formats.base import ComposeError
from git_theta.formats.pickle.nodes import Bytes, Dict, Global, Object, PersistentId
from git_theta.formats.pytorch.version_tree import VersionTree, tensor_in
from git_theta.formats.pytorch.views import as_storage

#: Levels of a tree. Each takes a few levels of Python's own recursion limit.
MAX_DEPTH = 100

#: Nodes of a version, those of one version whose pickle is small, and bytes of the pickle for each more: a
#: tensor has about 20 nodes, and at least 110 bytes.
_MAX_NODES = 6_000_000
_SMALL = 100_000
_NODE_BYTES = 5


class Fingerprints:
    """The numbers of trees. The nodes must live as long as this does.

    Args:
        contents: Identity of a tensor's node → the tensor's content, by which it's compared. Without it,
            tensors are compared by their descriptions.
    """

    def __init__(self, contents: Mapping[int, Hashable] | None = None) -> None:
        self._contents = contents or {}
        self._numbers: dict[Hashable, int] = {}
        self._known: dict[int, tuple[int, bool]] = {}
        self._open: dict[int, int] = {}
        self._prints: dict[tuple[int, str], bytes] = {}
        self._nodes: Counter[int] = Counter()

    def of(self, side: VersionTree, node: Any) -> int:
        """The number of a tree: of its values, structure and bytes besides tensors, not of storages' keys.

        Raises:
            ComposeError: The tree is too deep or too large, or refers to something outside of the file.
        """
        return self._of(side, node, 0)[0]

    def has_tensors(self, side: VersionTree, node: Any) -> bool:
        """Whether a tree has a tensor."""
        return self._of(side, node, 0)[1]

    def _of(self, side: VersionTree, node: Any, depth: int) -> tuple[int, bool]:
        held = isinstance(node, (list, tuple, Dict, Object, PersistentId, Bytes))
        if held and id(node) in self._known:
            return self._known[id(node)]
        if id(node) in self._contents:
            return self._number(("content", self._contents[id(node)])), True
        if held and id(node) in self._open:
            # A tree that contains itself is told by how many levels up the repeated node is.
            return self._number(("above", depth - self._open[id(node)])), False
        self._nodes[id(side)] += 1
        if depth > MAX_DEPTH or self._nodes[id(side)] > _most_nodes(side):
            raise ComposeError("the file's structure is too deep or too large to be merged")
        if held:
            self._open[id(node)] = depth
        label, parts = _label(node), _parts(node)
        below = [self._of(side, part, depth + 1) for part in parts]
        if isinstance(node, Bytes):
            label = bytes(side.pickle[node.offset : node.offset + node.size])
        elif isinstance(node, PersistentId):
            label = self._print(side, node)
        content = (type(node), label, *(number for number, _ in below))
        found = self._number(content), any(tensors for _, tensors in below) or tensor_in(node) is not None
        if held:
            self._known[id(node)] = found
            del self._open[id(node)]
        return found

    def _number(self, content: Hashable) -> int:
        return self._numbers.setdefault(content, len(self._numbers))

    def _print(self, side: VersionTree, node: PersistentId) -> bytes:
        storage = as_storage(node)
        if storage is None or storage.key not in side.storages:
            raise ComposeError("the file refers to something outside of it that isn't a storage")
        key = id(side), storage.key
        if key not in self._prints:
            self._prints[key] = side.print_of(storage.key)
        return self._prints[key]


def _most_nodes(side: VersionTree) -> int:
    return min(_MAX_NODES, _SMALL + len(side.pickle) // _NODE_BYTES)


def _label(node: Any) -> Hashable:
    """The value of a node besides its children."""
    match node:
        case float():
            # By its bits, as a NaN isn't equal to itself.
            return struct.pack("<d", node)
        case None | bool() | int() | str():
            return node
        case Global(module=module, name=name):
            return module, name
        case Object(items=items, pairs=pairs, new=new, args=args):
            return new, len(args), -1 if items is None else len(items), -1 if pairs is None else len(pairs)
    return None


def _parts(node: Any) -> list[Any]:
    match node:
        case list() | tuple():
            return list(node)
        case Dict(pairs=pairs):
            return [part for pair in pairs for part in pair]
        case Object():
            listed = [part for pair in node.pairs or () for part in pair]
            return [node.callable, node.state, *node.args, *(node.items or ()), *listed]
        case PersistentId(id=(_, kind, _, *rest)):
            return [kind, *rest]
    return []
