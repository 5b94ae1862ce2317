"""Attributes of groups and datasets: names, and values as texts."""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from git_theta.errors import FormatError
from git_theta.formats.hdf5.btrees import records
from git_theta.formats.hdf5.datatypes import Datatype, read_dataspace, read_datatype
from git_theta.formats.hdf5.heaps import FractalHeap
from git_theta.formats.hdf5.metadata import Fields, Metadata
from git_theta.formats.hdf5.objects import ATTRIBUTE, ATTRIBUTE_INFO, Message
from git_theta.formats.hdf5.shared import SharedObjects

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
    shape = read_dataspace(shared.file, space)
    text = bytes(name).partition(b"\0")[0].decode("utf-8", "surrogateescape")
    return Attribute(text, found, shape, fields.take(fields.left))


def attribute_text(shared: SharedObjects, attribute: Attribute) -> str:
    """The value of an attribute in words; of long ones, the number of elements and a checksum.

    Raises:
        FormatError: The value is damaged.
    """
    if attribute.shape is None:
        return "empty"
    datatype = attribute.datatype
    shape = (*attribute.shape, *datatype.shape)
    count = math.prod(shape)
    size = datatype.nbytes // max(math.prod(datatype.shape), 1)
    if count * size > len(attribute.content):
        raise FormatError(f"the attribute {attribute.name[:80]!r} ends early")
    fields = shared.file.fields(attribute.content[: count * size])
    if datatype.text or datatype.reference:
        elements = _contents(shared, fields, datatype, count)
        if datatype.text and count <= _LONGEST_ARRAY and sum(map(len, elements)) <= _LONGEST_TEXT:
            return _listed([repr(each.decode("utf-8", "backslashreplace")) for each in elements], shape)
        return _summary(elements, count, "text" if datatype.text else "value")
    if datatype.dtype in _CODES and count <= _LONGEST_ARRAY:
        order = ">" if datatype.big_endian else "<"
        numbers = struct.unpack(f"{order}{count}{_CODES[datatype.dtype]}", fields.take(fields.left))
        return _listed([repr(number) for number in numbers], shape)
    return _summary([bytes(fields.take(fields.left))], count, "number" if datatype.dtype else "value")


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
