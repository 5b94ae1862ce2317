"""Merge Flax's checkpoints: maps by key, lists by position, all other values whole."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence

from git_theta.formats.base import ComposeError, FileDraft, FileVersion, Prefer
from git_theta.formats.blank import blank
from git_theta.formats.flax.leaves import child_path
from git_theta.formats.flax.tree import ArrayLeaf, Branch, TreeNode, read_tree
from git_theta.formats.threeway import ThreeWay, merged_order
from git_theta.model.tensor import TensorSpec
from git_theta.model.three_way import trivial_merge

#: First bytes of maps (`True`) and lists: of few items, and before a number of items of two or four bytes.
_FIRST = {True: (0x80, 0xDE, 0xDF), False: (0x90, 0xDC, 0xDD)}


def compose_flax(
    base: FileVersion | None, sides: Sequence[FileVersion], wanted: Mapping[str, TensorSpec], prefer: Prefer
) -> FileDraft:
    """See `git_theta.formats.base.Composer`."""
    rule = ThreeWay(prefer)
    trees = [read_tree(side.skeleton) for side in sides]
    merged = _merged(rule, wanted, "", read_tree(base.skeleton) if base else None, trees)
    if merged is None:
        raise ComposeError("nothing is left of the tree")
    arrays: dict[str, list[ArrayLeaf]] = {}
    for tree in trees:
        for array in _arrays(tree):
            arrays.setdefault(array.name, []).append(array)
    described = {name: _described(name, spec, arrays.get(name, [])) for name, spec in wanted.items()}
    pieces = list(_pieces(merged, described))
    data = blank(sum(len(piece) if isinstance(piece, bytes) else piece for piece in pieces))
    position = 0
    for piece in pieces:
        if isinstance(piece, bytes):
            data[position : position + len(piece)] = piece
        position += len(piece) if isinstance(piece, bytes) else piece
    return FileDraft(data, rule.conflicts)


def _merged(
    rule: ThreeWay,
    wanted: Container[str],
    path: str,
    base: TreeNode | None,
    sides: Sequence[TreeNode | None],
) -> TreeNode | None:
    """The merged node at a path; `None` if there's none. An array is there if it's wanted."""
    arrays = [node for node in sides if isinstance(node, ArrayLeaf) and node.name in wanted]
    if arrays:
        return arrays[0]
    old, new = _other(base), [_other(node) for node in sides]
    branches = [node for node in new if isinstance(node, Branch)]
    if not branches or len(branches) < len(new) - new.count(None) or not _are_alike(branches):
        return new[rule.choose(path, old, new)]
    before = old if isinstance(old, Branch) and old.keyed == branches[0].keyed else None
    items: dict[str, TreeNode] = {}
    for name in merged_order(*(branch.items for branch in branches)):
        children = [node.items.get(name) if isinstance(node, Branch) else None for node in new]
        origin = before.items.get(name) if before else None
        item = _merged(rule, wanted, child_path(path, name), origin, children)
        if item is not None:
            items[name] = item
    if not items and new[trivial_merge(old is None, [node is None for node in new]) or 0] is None:
        return None
    keys = {name: key for branch in reversed(branches) for name, key in branch.keys.items()}
    return Branch(branches[0].keyed, items, {name: keys[name] for name in items})


def _other(node: TreeNode | None) -> Branch | bytes | None:
    return None if isinstance(node, ArrayLeaf) else node


def _are_alike(branches: Sequence[Branch]) -> bool:
    """Whether items of maps and lists correspond: those of maps, and of lists of one length."""
    first = branches[0]
    if any(branch.keyed != first.keyed for branch in branches):
        return False
    return first.keyed or all(len(branch.items) == len(first.items) for branch in branches)


def _arrays(node: TreeNode) -> Iterator[ArrayLeaf]:
    if isinstance(node, ArrayLeaf):
        yield node
    elif isinstance(node, Branch):
        for item in node.items.values():
            yield from _arrays(item)


def _described(name: str, spec: TensorSpec, arrays: Sequence[ArrayLeaf]) -> ArrayLeaf:
    """The first array of a dtype and shape.

    Raises:
        ComposeError: There's none.
    """
    for array in arrays:
        if array.spec == spec:
            return array
    raise ComposeError(f"no side has a parameter {name!r} of {spec.dtype} {list(spec.shape)}")


def _pieces(node: TreeNode, arrays: Mapping[str, ArrayLeaf]) -> Iterator[bytes | int]:
    """The bytes of a node, and the numbers of bytes of elements.

    Raises:
        ComposeError: It has an array that isn't wanted.
    """
    if isinstance(node, bytes):
        yield node
    elif isinstance(node, ArrayLeaf):
        if node.name not in arrays:
            raise ComposeError(f"the merged tree has the parameter {node.name!r}, which isn't in the merge")
        yield arrays[node.name].before
        yield arrays[node.name].spec.nbytes
    else:
        yield _head(node)
        for name, item in node.items.items():
            yield node.keys[name]
            yield from _pieces(item, arrays)


def _head(branch: Branch) -> bytes:
    """The beginning of a map or a list."""
    few, two, four = _FIRST[branch.keyed]
    count = len(branch.items)
    if count < 16:
        return bytes([few | count])
    if count < 1 << 16:
        return bytes([two]) + count.to_bytes(2, "big")
    return bytes([four]) + count.to_bytes(4, "big")
