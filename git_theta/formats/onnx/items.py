"""The items of an ONNX message, each under a key by which it's found in other versions of the message."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from git_theta.errors import FormatError
from git_theta.formats.onnx.messages import TENSOR, MessageType
from git_theta.formats.onnx.tensors import place_of, read_tensor
from git_theta.formats.onnx.walk import (
    MAX_DEPTH,
    UNNAMED,
    Child,
    describe,
    has_tensors,
    join,
    label_of,
    own_name,
)
from git_theta.formats.protobuf import LENGTH, WireReader

#: The number of its field, its name there, and how often that was there before.
Key = tuple[int, str, int]


@dataclass(frozen=True, slots=True)
class TensorField:
    """A tensor with a place, whose description and elements aren't part of the content.

    Attributes:
        number: The number of its field.
        name: Its name in the model.
    """

    number: int
    name: str


@dataclass(frozen=True, slots=True)
class MessageField:
    """A message with such tensors inside.

    Attributes:
        number: The number of its field.
        contents: The contents of its items, in order.
    """

    number: int
    contents: tuple[Content, ...]


#: Stands in a key for all fields of a number that are no messages.
_OTHERS = -1

#: The content of an item, equal for equal ones in all versions: `bytes` are whole fields.
Content = bytes | TensorField | MessageField


@dataclass(frozen=True, slots=True)
class ModelItem:
    """An item of a message.

    Attributes:
        content: What it is, with its field's number.
        type: The type of message that it is; `None` if it's none that may have tensors inside.
        path: The name of the item in the model, if it's such a message.
        start: Position of the message.
        end: Position after it.
    """

    content: Content
    type: MessageType | None = None
    path: str = ""
    start: int = 0
    end: int = 0


_NOTHING = ModelItem(b"")


def items_of(
    reader: WireReader,
    kind: MessageType,
    start: int,
    end: int,
    path: str = "",
    depth: int = 0,
    unread: MessageType | None = None,
) -> dict[Key, ModelItem]:
    """The items of a message, in the order in which they begin.

    A message that may have tensors, or has a name, is an item; all other fields of one number are one.

    Args:
        reader: Reads the file.
        kind: Type of the message.
        start: Position of the message.
        end: Position after it.
        path: Its name.
        depth: The number of messages that it's in.
        unread: The type of messages whose content isn't asked for: it's empty.

    Raises:
        FormatError: The message is damaged.
    """
    if depth > MAX_DEPTH:
        raise FormatError(f"messages are nested more than {MAX_DEPTH} deep")
    _, children = describe(reader, kind, start, end)
    places = {child[2]: child for child in children}
    found: dict[Key, ModelItem] = {}
    met: Counter[tuple[int, str]] = Counter()
    raw: dict[int, list[bytes]] = {}
    position = start
    for number, wire, at, stop in reader.fields(start, end):
        field = reader.data[position:stop]
        position = stop
        if wire == LENGTH and number in kind.parts:
            name, item = _message(reader, number, places[at], field, path, depth, unread)
        elif wire == LENGTH and number in kind.entries:
            name, item = _entry_name(reader, at, stop), ModelItem(bytes(field))
        else:
            found.setdefault((number, "", _OTHERS), _NOTHING)
            raw.setdefault(number, []).append(bytes(field))
            continue
        found[number, name, met[number, name]] = item
        met[number, name] += 1
    for number, fields in raw.items():
        found[number, "", _OTHERS] = ModelItem(b"".join(fields))
    return found


def _message(
    reader: WireReader,
    number: int,
    child: Child,
    field: memoryview,
    path: str,
    depth: int,
    unread: MessageType | None,
) -> tuple[str, ModelItem]:
    """The name of a message among its siblings, and its item."""
    (kind, _), _, start, end = child
    if kind is TENSOR:
        message = read_tensor(reader, start, end)
        name = label_of(child, message.name)
        whole = join(path, name) or UNNAMED
        content: Content = TensorField(number, whole) if place_of(message, end) else bytes(field)
        return name, ModelItem(content, kind, whole, start, end)
    texts, children = describe(reader, kind, start, end)
    name = label_of(child, own_name(reader, kind, texts, children))
    whole = join(path, name)
    if kind is unread:
        return name, ModelItem(b"", kind, whole, start, end)
    contents: tuple[Content, ...] = ()
    # Most nodes have no tensor, which is found sooner than their items.
    if any(has_tensors(reader, part, whole) for part in children):
        items = items_of(reader, kind, start, end, whole, depth + 1)
        contents = tuple(item.content for item in items.values())
    if all(isinstance(content, bytes) for content in contents):
        return name, ModelItem(bytes(field), kind, whole, start, end)
    return name, ModelItem(MessageField(number, contents), kind, whole, start, end)


def _entry_name(reader: WireReader, start: int, end: int) -> str:
    for number, wire, at, stop in reader.fields(start, end):
        if number == 1 and wire == LENGTH:
            return reader.text(at, stop)
    return ""
