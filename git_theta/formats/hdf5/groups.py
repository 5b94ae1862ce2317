"""Groups: the names of their members, and where these are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

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


def is_group(messages: Iterable[Message]) -> bool:
    """Whether an object is a group."""
    return any(message.kind in (SYMBOL_TABLE, LINK_INFO, LINK) for message in messages)


def members(file: Metadata, messages: Iterable[Message]) -> dict[str, int]:
    """The objects of a group by name: positions of their headers. Links by name are left out.

    Raises:
        FormatError: The group is damaged, or has a name twice.
    """
    found: dict[str, int] = {}
    for name, position in _links(file, messages):
        if name in found or not name or "/" in name:
            raise FormatError(f"a group has the name {name[:80]!r}, or has it twice")
        found[name] = position
    return found


def _links(file: Metadata, messages: Iterable[Message]) -> Iterator[tuple[str, int]]:
    for message in messages:
        fields = file.fields(message.body)
        if message.kind == SYMBOL_TABLE:
            yield from _symbols(file, fields)
        elif message.kind == LINK:
            yield from _link(fields)
        elif message.kind == LINK_INFO:
            yield from _dense(file, fields)


def _symbols(file: Metadata, fields: Fields) -> Iterator[tuple[str, int]]:
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
            table.take(20)
            if kind != _SOFT and position is not None:
                yield _text(names.name(name)), position


def _link(fields: Fields) -> Iterator[tuple[str, int]]:
    version, flags = fields.number(1), fields.number(1)
    if version != 1:
        raise FormatError("a link is of an unknown version")
    kind = fields.number(1) if flags & 8 else _HARD
    fields.take((8 if flags & 4 else 0) + (1 if flags & 16 else 0))
    name = _text(fields.take(fields.number(1 << (flags & 3))))
    if kind == _HARD:
        position = fields.address()
        if position is not None:
            yield name, position


def _dense(file: Metadata, fields: Fields) -> Iterator[tuple[str, int]]:
    """The links of a group that has many."""
    flags = fields.number(2) >> 8
    fields.take(8 if flags & 1 else 0)
    heap, tree = fields.address(), fields.address()
    if heap is None or tree is None:
        return
    links = FractalHeap(file, heap)
    for record in records(file, tree, _NAMES):
        record.take(_HASH)
        yield from _link(file.fields(links.object(record.take(record.left))))


def _text(name: bytes | memoryview) -> str:
    return str(name, "utf-8", "surrogateescape")
