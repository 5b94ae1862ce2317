"""Attributes of groups and datasets: names, and values as texts."""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Hashable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace

from git_theta.errors import FormatError
from git_theta.formats.hdf5.btrees import records
from git_theta.formats.hdf5.datatypes import Datatype, read_dataspace, read_datatype
from git_theta.formats.hdf5.heaps import FractalHeap
from git_theta.formats.hdf5.metadata import Fields, Metadata
from git_theta.formats.hdf5.objects import ATTRIBUTE, ATTRIBUTE_INFO, Message
from git_theta.formats.hdf5.shared import SharedObjects
from git_theta.formats.json_leaves import json_leaves

#: The kind of records of attributes' names in a B-tree.
_NAMES = 8

#: Bytes of a heap's identifier in such a record.
_IDENTIFIER = 8

#: Characters of the longest text, and elements of the largest array, that are shown as they are.
_LONGEST_TEXT = 4096
_LONGEST_ARRAY = 16

#: Formats of `struct` by dtype.
_CODES = {
    "BOOL": "?",
    "I8": "b",
    "U8": "B",
    "I16": "h",
    "U16": "H",
    "I32": "i",
    "U32": "I",
    "I64": "q",
    "U64": "Q",
    "F16": "e",
    "F32": "f",
    "F64": "d",
}


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute of an object.

    Attributes:
        name: Its name.
        datatype: The datatype of its elements.
        shape: Its shape; `None` if it has no elements at all.
        content: Its elements.
    """

    name: str
    datatype: Datatype
    shape: tuple[int, ...] | None
    content: memoryview


def attributes(shared: SharedObjects, messages: Iterable[Message]) -> Iterator[Attribute]:
    """The attributes of an object.

    Raises:
        FormatError: An attribute is damaged.
    """
    for message in messages:
        if message.kind == ATTRIBUTE and not message.shared:
            yield _attribute(shared, message.body)
        elif message.kind == ATTRIBUTE_INFO:
            for body in _dense(shared.file, message.body):
                yield _attribute(shared, body)


def _dense(file: Metadata, body: memoryview) -> Iterator[memoryview]:
    """The attributes of an object that has many."""
    fields = file.fields(body)
    flags = fields.number(2) >> 8
    fields.take(2 if flags & 1 else 0)
    heap, tree = fields.address(), fields.address()
    if heap is None or tree is None:
        return
    found = FractalHeap(file, heap)
    for record in records(file, tree, _NAMES):
        identifier, flags = record.take(_IDENTIFIER), record.number(1)
        if not flags & 2:
            yield found.object(identifier)


def _attribute(shared: SharedObjects, body: memoryview) -> Attribute:
    fields = shared.file.fields(body)
    version, flags = fields.number(1), fields.number(1)
    if version not in (1, 2, 3):
        raise FormatError("an attribute is of an unknown version")
    sizes = [fields.number(2) for _ in range(3)]
    fields.take(1 if version == 3 else 0)
    step = 8 if version == 1 else 1
    name, datatype, space = (fields.take(-(-size // step) * step)[:size] for size in sizes)
    kind = shared.file.fields(datatype)
    in_object = version > 1 and flags & 1
    found = shared.named_datatype(kind) if in_object else read_datatype(kind)
    dataspace = read_dataspace(shared.file, space)
    shape = dataspace.shape if dataspace else None
    text = bytes(name).partition(b"\0")[0].decode("utf-8", "surrogateescape")
    return Attribute(text, found, shape, fields.take(fields.left))


def attribute_texts(shared: SharedObjects, attribute: Attribute) -> Iterator[tuple[str, str]]:
    """Name and value of an attribute; of one that's an object of JSON, those of each value in it.

    Raises:
        FormatError: The attribute is damaged.
    """
    found = _leaves(attribute, _elements(shared, attribute))
    if found is None:
        yield attribute.name, attribute_text(shared, attribute)
    else:
        yield from ((f"{attribute.name}/{path}", value) for path, value in found.items())


def _leaves(attribute: Attribute, elements: list[bytes] | None) -> dict[str, str] | None:
    if attribute.datatype.text and elements and len(elements) == 1 and elements[0].startswith(b"{"):
        with suppress(FormatError):
            return json_leaves(elements[0])
    return None


def attribute_text(shared: SharedObjects, attribute: Attribute) -> str:
    """The value of an attribute in words; of long ones, the number of elements and a checksum.

    Raises:
        FormatError: The value is damaged.
    """
    elements = _elements(shared, attribute)
    if elements is None or attribute.shape is None:
        return "empty"
    datatype = attribute.datatype
    shape = (*attribute.shape, *datatype.shape)
    count = math.prod(shape)
    if datatype.text:
        if count <= _LONGEST_ARRAY and sum(map(len, elements)) <= _LONGEST_TEXT:
            return _listed([repr(each.decode("utf-8", "backslashreplace")) for each in elements], shape)
    elif datatype.dtype in _CODES and count <= _LONGEST_ARRAY:
        order = ">" if datatype.big_endian else "<"
        numbers = struct.unpack(f"{order}{count}{_CODES[datatype.dtype]}", b"".join(elements))
        return _listed([repr(number) for number in numbers], shape)
    kind = "text" if datatype.text else "number" if datatype.dtype else "value"
    return _summary(elements, count, kind)


def attribute_key(shared: SharedObjects, attribute: Attribute) -> Hashable:
    """A value that's equal for attributes of equal values, in any files.

    Raises:
        FormatError: The value is damaged.
    """
    elements = _elements(shared, attribute)
    leaves = _leaves(attribute, elements)
    content = None if elements is None else tuple(elements) if leaves is None else tuple(leaves.items())
    return replace(attribute.datatype, nbytes=0), attribute.shape, content


def _elements(shared: SharedObjects, attribute: Attribute) -> list[bytes] | None:
    """Bytes of each text, or of all elements together; `None` if the attribute is empty."""
    if attribute.shape is None:
        return None
    datatype = attribute.datatype
    count = math.prod((*attribute.shape, *datatype.shape))
    size = datatype.nbytes // max(math.prod(datatype.shape), 1)
    if not size or count * size > len(attribute.content):
        raise FormatError(f"the attribute {attribute.name[:80]!r} ends early")
    fields = shared.file.fields(attribute.content[: count * size])
    if datatype.text or datatype.reference:
        return _contents(shared, fields, datatype, count)
    return [bytes(fields.take(fields.left))]


def _contents(shared: SharedObjects, fields: Fields, datatype: Datatype, count: int) -> list[bytes]:
    if datatype.reference:
        return [bytes(shared.in_heap(fields)) for _ in range(count)]
    size = datatype.nbytes
    return [bytes(fields.take(size)).rstrip(b" ").partition(b"\0")[0] for _ in range(count)]


def _listed(texts: list[str], shape: tuple[int, ...]) -> str:
    return f"[{', '.join(texts)}]" if shape else texts[0]


def _summary(elements: list[bytes], count: int, kind: str) -> str:
    checksum = 0
    for each in elements:
        checksum = zlib.crc32(each, zlib.crc32(len(each).to_bytes(8, "little"), checksum))
    if count == 1:
        return f"{kind} of {sum(map(len, elements)):,} bytes, CRC {checksum:08x}"
    return f"{count:,} {kind}s, CRC {checksum:08x}"
