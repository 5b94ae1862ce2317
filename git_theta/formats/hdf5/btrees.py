"""B-trees of both versions: their records, in any order of nodes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeVar

from git_theta.errors import FormatError
from git_theta.formats.hdf5.metadata import Fields, Metadata, bytes_for

T = TypeVar("T")

#: What a tree of version 1 is of.
GROUPS, CHUNKS = 0, 1

#: Bytes of a node's prefix and checksum in version 2.
_OVERHEAD = 10

#: Levels of a tree; the sizes of nodes allow no more.
_MAX_DEPTH = 32

_MAX_NODE = 1 << 24


def leaves(
    file: Metadata, root: int, kind: int, key_size: int, read_key: Callable[[Fields], T]
) -> Iterator[tuple[T, int]]:
    """Each child of the lowest nodes of a tree of version 1, with the key before it.

    Args:
        file: The file.
        root: Position of the tree's root.
        kind: `GROUPS` or `CHUNKS`.
        key_size: Bytes of a key.
        read_key: Reads a key.

    Raises:
        FormatError: The tree is damaged.
    """
    pending: list[tuple[int, int | None]] = [(root, None)]
    head = 8 + 2 * file.offset_size
    while pending:
        position, expected = pending.pop()
        start = file.peek(position, head)
        start.take(4)
        found, level, count = start.number(1), start.number(1), start.number(2)
        if found != kind or expected not in (None, level):
            raise FormatError("a node of a B-tree is at the wrong place")
        size = head + count * (key_size + file.offset_size) + key_size
        node = file.block(position, size, b"TREE")
        node.take(head - 4)
        for _ in range(count):
            key, child = read_key(node), node.address()
            if child is None:
                raise FormatError("a node of a B-tree has no child")
            if level:
                pending.append((child, level - 1))
            else:
                yield key, child


class _Tree(NamedTuple):
    """The header of a tree of version 2.

    Attributes:
        node_size: Bytes of each node.
        record_size: Bytes of each record.
        count_sizes: For each level, bytes of a node's number of records.
        total_sizes: For each level, bytes of the number of records of a node and those below.
    """

    node_size: int
    record_size: int
    count_size: int
    total_sizes: tuple[int, ...]


def records(file: Metadata, position: int, kind: int) -> Iterator[Fields]:
    """Each record of a tree of version 2.

    Args:
        file: The file.
        position: Position of the tree's header.
        kind: Number of the records' kind.

    Raises:
        FormatError: The tree is damaged, or of another kind.
    """
    head = file.block(position, 22 + file.offset_size + file.length_size, b"BTHD")
    version, found = head.number(1), head.number(1)
    node_size, record_size, depth = head.number(4), head.number(2), head.number(2)
    head.take(2)
    root, count = head.address(), head.number(2)
    if version or found != kind or not record_size or depth > _MAX_DEPTH or node_size > _MAX_NODE:
        raise FormatError("the header of a B-tree makes no sense")
    if root is None:
        return
    tree = _sizes(file, node_size, record_size, depth)
    pending = [(root, count, depth)]
    while pending:
        position, count, level = pending.pop()
        if not level:
            yield from _records_of(file, file.block(position, node_size, b"BTLF"), kind, tree, count)
            continue
        node = file.block(position, node_size, b"BTIN")
        yield from _records_of(file, node, kind, tree, count)
        for _ in range(count + 1):
            child, number = node.address(), node.number(tree.count_size)
            node.take(tree.total_sizes[level - 1] if level > 1 else 0)
            if child is None:
                raise FormatError("a node of a B-tree has no child")
            pending.append((child, number, level - 1))


def record_size(file: Metadata, position: int) -> int:
    """Bytes of each record of a tree of version 2.

    Raises:
        FormatError: There's no room for its header.
    """
    head = file.peek(position, 12)
    head.take(10)
    return head.number(2)


def _records_of(file: Metadata, node: Fields, kind: int, tree: _Tree, count: int) -> Iterator[Fields]:
    version, found = node.number(1), node.number(1)
    if version or found != kind:
        raise FormatError("a node of a B-tree is at the wrong place")
    for _ in range(count):
        yield file.fields(node.take(tree.record_size))


def _sizes(file: Metadata, node_size: int, record_size: int, depth: int) -> _Tree:
    """The sizes of counts, which follow from how many records fit into a node."""
    most = max(node_size - _OVERHEAD, 0) // record_size
    total, count_size = most, bytes_for(most)
    total_sizes = [0]
    for level in range(1, depth + 1):
        pointer = file.offset_size + count_size + total_sizes[level - 1]
        fitting = max(node_size - _OVERHEAD - pointer, 0) // (record_size + pointer)
        total = (fitting + 1) * total + fitting
        total_sizes.append(bytes_for(total))
    return _Tree(node_size, record_size, count_size, tuple(total_sizes))
