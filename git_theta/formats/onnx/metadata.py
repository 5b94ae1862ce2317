"""Everything in an ONNX model but its tensors, as texts: nodes, inputs and outputs, versions, metadata."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping

from git_theta.formats.onnx.dtypes import DTYPES
from git_theta.formats.onnx.items import Content, Key, MessageField, ModelItem, TensorField, items_of
from git_theta.formats.onnx.messages import GRAPH, MODEL, NODE, TENSOR, MessageType
from git_theta.formats.onnx.tensors import TensorMessage, read_tensor
from git_theta.formats.onnx.walk import PASSES, model_reader
from git_theta.formats.protobuf import FIXED32, LENGTH, VARINT, Field, WireReader

#: Bytes of the longest text that is shown as it is, and the most numbers and texts of a list.
_LONGEST_TEXT = 4096
_LONGEST_LIST = 16

#: Fields of a node: inputs, operator, attributes, domain; of an attribute: values, and another one's name.
_INPUT, _OPERATOR, _ATTRIBUTE, _DOMAIN = 1, 4, 5, 7
_VALUES = frozenset((2, 3, 4, 7, 8, 9, 21))

#: Fields of a graph: inputs, outputs and values between nodes.
_VALUE_INFO = frozenset((11, 12, 13))


def title_of(kind: MessageType, key: Key, path: str = "") -> str:
    """The name that users see for an item of a model or of a graph.

    Args:
        kind: Type of the message.
        key: Key of the item in it.
        path: What the name begins with.
    """
    number, name, index = key
    title = kind.titles.get(number, f"field {number}")
    return "/".join(filter(None, (path, title, name, str(index) if index > 0 else "")))


def model_texts(data: memoryview) -> Iterator[tuple[str, str]]:
    """A name and a text for everything in a model but its tensors, and for tensors that have no place.

    Args:
        data: The file.

    Raises:
        FormatError: The model is damaged.
    """
    reader = model_reader(data, PASSES)
    for key, item in items_of(reader, MODEL, 0, len(data), unread=GRAPH).items():
        title = title_of(MODEL, key)
        if item.type is not GRAPH:
            yield title, _text(reader, MODEL, key, item)
            continue
        for inner, part in items_of(reader, GRAPH, item.start, item.end, unread=NODE).items():
            if not isinstance(part.content, TensorField):
                yield title_of(GRAPH, inner, title), _text(reader, GRAPH, inner, part)


def _text(reader: WireReader, kind: MessageType, key: Key, item: ModelItem) -> str:
    if item.type is NODE:
        return _node(items_of(reader, NODE, item.start, item.end))
    if item.type is TENSOR:
        return _tensor(reader, read_tensor(reader, item.start, item.end), item.content)
    if item.type or not isinstance(item.content, bytes):
        return _checksum(item.content)
    content, fields = _opened(item.content)
    if key[0] not in kind.entries:
        return _listed(content, fields)
    _, _, start, end = next(fields)
    if kind is GRAPH and key[0] in _VALUE_INFO:
        return _value_type(content, start, end) or _checksum(item.content)
    return _listed(content, (field for field in content.fields(start, end) if field[0] != 1))


def _opened(content: bytes) -> tuple[WireReader, Iterator[Field]]:
    """A reader of the bytes of fields, and these fields."""
    reader = WireReader(memoryview(content), len(content))
    return reader, reader.fields(0, len(content))


def _listed(reader: WireReader, fields: Iterable[Field]) -> str:
    """The numbers and texts that fields are."""
    texts: list[str] = []
    for _, wire, start, end in fields:
        if len(texts) == _LONGEST_LIST:
            return _checksum(bytes(reader.data))
        if wire == VARINT:
            texts.append(str(reader.number(start, end)))
        elif wire == FIXED32:
            texts.append(f"{struct.unpack('<f', reader.data[start:end])[0]:g}")
        else:
            texts.append(_quoted(reader.data[start:end]))
    return texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"


def _quoted(content: memoryview) -> str:
    try:
        if len(content) <= _LONGEST_TEXT:
            return repr(str(content, "utf-8"))
    except UnicodeDecodeError:
        pass
    return _checksum(bytes(content))


def _node(items: Mapping[Key, ModelItem]) -> str:
    """A node as a call of its operator, with its inputs and attributes."""
    operator, domain, inputs, attributes = "", "", list[str](), list[str]()
    for (number, name, _), item in items.items():
        if number == _ATTRIBUTE:
            value = _attribute(item.content)
            # A constant's only attribute has no name.
            attributes += [f"{name}={value}" if name else value] if value else []
        elif isinstance(item.content, bytes) and number in (_INPUT, _OPERATOR, _DOMAIN):
            reader, fields = _opened(item.content)
            texts = [reader.text(start, end) for _, wire, start, end in fields if wire == LENGTH]
            if number == _INPUT:
                inputs = texts
            elif number == _OPERATOR:
                operator = "".join(texts[-1:])
            else:
                domain = "".join(f"{text}." for text in texts[-1:] if text)
    return f"{domain}{operator}({', '.join([*inputs, *attributes])})"


def _attribute(content: Content) -> str:
    """The value of an attribute; empty if it's a tensor."""
    if not isinstance(content, bytes):
        return "" if _only_tensors(content) else _checksum(content)
    reader, whole = _opened(content)
    _, _, start, end = next(whole)
    values = [field for field in reader.fields(start, end) if field[0] in _VALUES]
    return _listed(reader, values) if values else _checksum(content)


def _only_tensors(content: Content) -> bool:
    if isinstance(content, MessageField):
        return all(isinstance(part, bytes) or _only_tensors(part) for part in content.contents)
    return isinstance(content, TensorField)


def _tensor(reader: WireReader, message: TensorMessage, content: Content) -> str:
    """Dtype and shape of a tensor without a place, and the place of its elements in another file."""
    kind = f"{DTYPES.get(message.number, f'type {message.number}')} {list(message.dims)}"
    entries = []
    for start, end in message.external:
        texts = [reader.text(at, stop) for _, wire, at, stop in reader.fields(start, end) if wire == LENGTH]
        entries.append("=".join(texts))
    return f"{kind} in another file: {', '.join(entries)}" if entries else f"{kind}, {_checksum(content)}"


def _value_type(reader: WireReader, start: int, end: int) -> str:
    """Dtype and shape of an input or output that's a tensor; else empty."""
    dtype, sizes = "", None
    for number, wire, at, stop in reader.fields(*_inner(reader, _inner(reader, (start, end), 2), 1)):
        if number == 1 and wire == VARINT:
            dtype = DTYPES.get(reader.number(at, stop), "")
        elif number == 2 and wire == LENGTH:
            dims = (field for field in reader.fields(at, stop) if field[1] == LENGTH)
            sizes = [_size(reader, first, last) for _, _, first, last in dims]
    return dtype and (dtype if sizes is None else f"{dtype} [{', '.join(sizes)}]")


def _size(reader: WireReader, start: int, end: int) -> str:
    """A size, or the name that stands for one."""
    for number, wire, at, stop in reader.fields(start, end):
        if number == 1 and wire == VARINT:
            return str(reader.number(at, stop))
        if number == 2 and wire == LENGTH:
            return reader.text(at, stop)
    return "?"


def _inner(reader: WireReader, place: tuple[int, int], wanted: int) -> tuple[int, int]:
    """The place of a message in another one; an empty place if it isn't there."""
    for number, wire, start, end in reader.fields(*place):
        if number == wanted and wire == LENGTH:
            return start, end
    return place[1], place[1]


def _checksum(content: Content) -> str:
    """Size and checksum of an item without its tensors."""
    whole = b"".join(_flat(content))
    return f"{len(whole):,} bytes, CRC {zlib.crc32(whole):08x}"


def _flat(content: Content) -> Iterator[bytes]:
    if isinstance(content, bytes):
        yield content
    elif isinstance(content, TensorField):
        yield content.name.encode("utf-8", "surrogatepass")
    else:
        for part in content.contents:
            yield from _flat(part)
