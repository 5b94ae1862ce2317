"""Groups: the names of their members, and where these are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from git_theta.errors import FormatError
from git_theta.formats.hdf5.btrees import GROUPS, leaves, records
from git_theta.formats.hdf5.heaps import FractalHeap, LocalHeap
from git_theta.formats.hdf5.metadata import Fields, Metadata
from git_theta.formats.hdf5.objects import LINK, LINK_INFO, SYMBOL_TABLE, Message

#: The kind of records of names in a B-tree, and bytes of a name's hash before the heap's identifier.
_NAMES, _HASH = 5, 4

#: An entry of a symbol table that is a link by name.
_SOFT = 2

#: The type of a link that names an object by its place.
_HARD = 0


class Links(NamedTuple):
    """The links of a group by name.

    Attributes:
        objects: Positions of the headers of its members.
        paths: Links by the path of an object, in this file or another one: bytes that say which.
    """

    objects: dict[str, int]
    paths: dict[str, bytes]


def links_of(file: Metadata, messages: Iterable[Message]) -> Links:
    """The links of a group; none if the object isn't one.

    Raises:
        FormatError: The group is damaged, or has a name twice.
    """
    found = Links({}, {})
    for name, target in _links(file, messages):
        if name in found.objects or name in found.paths or not name or "/" in name:
            raise FormatError(f"a group has the name {name[:80]!r}, or has it twice")
        if isinstance(target, int):
            found.objects[name] = target
        else:
            found.paths[name] = target
    return found


def _links(file: Metadata, messages: Iterable[Message]) -> Iterator[tuple[str, int | bytes]]:
    for message in messages:
        fields = file.fields(message.body)
        if message.kind == SYMBOL_TABLE:
            yield from _symbols(file, fields)
        elif message.kind == LINK:
            yield _link(fields)
        elif message.kind == LINK_INFO:
            yield from _dense(file, fields)


def _symbols(file: Metadata, fields: Fields) -> Iterator[tuple[str, int | bytes]]:
    tree, heap = fields.address(), fields.address()
    if tree is None or heap is None:
        raise FormatError("a group has no table")
    names = LocalHeap(file, heap)
    entry = 2 * file.offset_size + 24
    for _, node in leaves(file, tree, GROUPS, file.length_size, Fields.length):
        head = file.peek(node, 8)
        head.take(6)
        count = head.number(2)
        table = file.block(node, 8 + count * entry, b"SNOD")
        table.take(4)
        for _ in range(count):
            name, position, kind = table.number(file.offset_size), table.address(), table.number(4)
            table.take(4)
            path = table.number(4)
            table.take(12)
            if kind == _SOFT:
                yield _text(names.name(name)), names.name(path)
            elif position is not None:
                yield _text(names.name(name)), position


def _link(fields: Fields) -> tuple[str, int | bytes]:
    version, flags = fields.number(1), fields.number(1)
    if version != 1:
        raise FormatError("a link is of an unknown version")
    kind = fields.number(1) if flags & 8 else _HARD
    fields.take((8 if flags & 4 else 0) + (1 if flags & 16 else 0))
    name = _text(fields.take(fields.number(1 << (flags & 3))))
    position = fields.address() if kind == _HARD else None
    return name, bytes([kind]) + bytes(fields.take(fields.left)) if position is None else position


def _dense(file: Metadata, fields: Fields) -> Iterator[tuple[str, int | bytes]]:
    """The links of a group that has many."""
    flags = fields.number(2) >> 8
    fields.take(8 if flags & 1 else 0)
    heap, tree = fields.address(), fields.address()
    if heap is None or tree is None:
        return
    links = FractalHeap(file, heap)
    for record in records(file, tree, _NAMES):
        record.take(_HASH)
        yield _link(file.fields(links.object(record.take(record.left))))


def _text(name: bytes | memoryview) -> str:
    return str(name, "utf-8", "surrogateescape")
