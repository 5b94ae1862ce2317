"""The tree of a Flax checkpoint, for merges: maps and lists of leaves that keep their bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from git_theta.formats.base import ComposeError
from git_theta.formats.flax.arrays import array_at, is_array
from git_theta.formats.flax.leaves import LIST, MAP, Leaf, child_path, value_head, value_key
from git_theta.model.tensor import TensorSpec


@dataclass(frozen=True, slots=True)
class ArrayLeaf:
    """An array with a place; equal to another one of its name.

    Attributes:
        name: Its name.
        spec: Dtype and shape.
        before: The bytes of the value before its elements, which are its last bytes.
    """

    name: str
    spec: TensorSpec = field(compare=False)
    before: bytes = field(compare=False)


@dataclass(frozen=True, slots=True)
class Branch:
    """A map or a list.

    Attributes:
        keyed: Whether it's a map.
        items: Name of an item → the item. In a list, names are numbers.
        keys: Name of an item → the bytes of its key, which are none in a list.
    """

    keyed: bool
    items: Mapping[str, TreeNode]
    keys: Mapping[str, bytes] = field(compare=False)


#: A node of a tree; `bytes` are any other leaf.
TreeNode = Branch | ArrayLeaf | bytes


def read_tree(data: memoryview) -> TreeNode:
    """The tree of a file that the format's plugin accepts.

    Raises:
        ComposeError: A map has a key twice.
    """
    return _node(data, 0, "")[0]


def _node(data: memoryview, position: int, path: str) -> tuple[TreeNode, int]:
    """A node, and the position after it."""
    head = value_head(data, position, len(data))
    if head.kind not in (LIST, MAP):
        end = head.content + head.length
        leaf = Leaf(path, head.kind, position, head.content, end, head.code)
        tensor = array_at(data, leaf) if is_array(leaf) else None
        if tensor:
            return ArrayLeaf(tensor.name, tensor.spec, bytes(data[position : tensor.offset])), end
        return bytes(data[position:end]), end
    items: dict[str, TreeNode] = {}
    keys: dict[str, bytes] = {}
    position = head.content
    for number in range(head.length):
        name, after = value_key(data, position, len(data)) if head.kind == MAP else (str(number), position)
        if name in items:
            raise ComposeError(f"the key {child_path(path, name)!r} is repeated")
        keys[name] = bytes(data[position:after])
        items[name], position = _node(data, after, child_path(path, name))
    return Branch(head.kind == MAP, items, keys), position
