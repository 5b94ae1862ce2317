"""Object headers: the messages that describe a group or a dataset."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from git_theta.errors import FormatError
from git_theta.formats.hdf5.metadata import Fields, Metadata

#: Kinds of messages.
DATASPACE, LINK_INFO, DATATYPE, FILL, LINK, EXTERNAL, LAYOUT = 0x01, 0x02, 0x03, 0x05, 0x06, 0x07, 0x08
FILTERS, ATTRIBUTE, _CONTINUATION, SYMBOL_TABLE, ATTRIBUTE_INFO = 0x0B, 0x0C, 0x10, 0x11, 0x15

_SIGNATURE, _CONTINUED = b"OHDR", b"OCHK"
_CHECKSUM = 4

#: Flags of a header: which fields it has.
_WITH_TIMES, _WITH_PHASE, _WITH_ORDER = 0x20, 0x10, 0x04

#: Bytes of four times.
_TIMES = 16

#: A flag of a message: it's elsewhere.
_SHARED = 0x02


class Message(NamedTuple):
    """A message of an object header.

    Attributes:
        kind: Number of its kind.
        shared: Whether the body only says where the message is.
        body: Its bytes.
    """

    kind: int
    shared: bool
    body: memoryview


def read_object(file: Metadata, position: int) -> list[Message]:
    """The messages of the object whose header is at a position.

    Raises:
        FormatError: The header is damaged.
    """
    if file.peek(position, 4).take(4) == _SIGNATURE:
        return list(_messages(file, *_first_chunk(file, position)))
    head = file.peek(position, 16)
    version = head.number(1)
    if version != 1:
        raise FormatError("an object has no header")
    head.take(7)
    fields = file.block(position, 16 + head.number(4))
    fields.take(16)
    return list(_messages(file, fields, None))


def _sizes(file: Metadata, position: int) -> tuple[int, int]:
    """Bytes of the first chunk of a newer header, and of the head before it."""
    head = file.peek(position, 6)
    head.take(4)
    version, flags = head.number(1), head.number(1)
    if version != 2:
        raise FormatError(f"version {version} of an object's header isn't known")
    start = 6 + (_TIMES if flags & _WITH_TIMES else 0) + (4 if flags & _WITH_PHASE else 0)
    width = 1 << (flags & 3)
    head = file.peek(position, start + width)
    head.take(start)
    return head.number(width), start + width


def _first_chunk(file: Metadata, position: int) -> tuple[Fields, int]:
    """The messages of a newer header's first chunk, and its flags."""
    size, start = _sizes(file, position)
    block = file.block(position, start + size + _CHECKSUM, _SIGNATURE)
    flags = block.take(start - 4)[1]
    return file.fields(block.take(size)), flags


def _messages(file: Metadata, first: Fields, flags: int | None) -> Iterator[Message]:
    """All messages; of an older header, `flags` is `None`."""
    head = 8 if flags is None else 6 if flags & _WITH_ORDER else 4
    chunks = [first]
    while chunks:
        fields = chunks.pop()
        while fields.left >= head:
            if flags is None:
                kind, size, marks = fields.number(2), fields.number(2), fields.number(1)
                fields.take(3)
            else:
                kind, size, marks = fields.number(1), fields.number(2), fields.number(1)
                fields.take(head - 4)
            body = fields.take(size)
            if kind == _CONTINUATION:
                chunks.append(_continued(file, body, flags is None))
            elif kind:
                yield Message(kind, bool(marks & _SHARED), body)


def _continued(file: Metadata, body: memoryview, old: bool) -> Fields:
    place = file.fields(body)
    position, size = place.address(), place.length()
    if position is None or (not old and size < len(_CONTINUED) + _CHECKSUM):
        raise FormatError("an object's header has no continuation")
    block = file.block(position, size, b"" if old else _CONTINUED)
    return block if old else file.fields(block.take(size - len(_CONTINUED) - _CHECKSUM))
