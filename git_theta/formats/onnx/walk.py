"""A walk over all tensors of an ONNX model, which names each as the model does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from git_theta.errors import FormatError
from git_theta.formats.onnx.messages import (
    CONSTANT,
    INDEX,
    MODEL,
    NODE,
    SPARSE,
    TENSOR,
    MessagePart,
    MessageType,
)
from git_theta.formats.onnx.tensors import TensorMessage, read_tensor
from git_theta.formats.protobuf import LENGTH, WireReader

#: Fields of a file: a large model has 100,000 nodes, each of two dozens.
_MAX_FIELDS = 2_500_000

#: How often a merge or a list of all parts reads a field.
PASSES = 8

#: How deeply messages may be nested: the limit of Google's library. A graph in a graph is three deeper.
MAX_DEPTH = 100

#: Characters of a name, which has several parts in graphs of graphs, and of all names.
_MAX_NAME = 4096
_MAX_NAMES = 1 << 26

#: The field with a node's operator.
_OPERATOR = NODE.names[-1]

#: The name of a tensor that has none.
UNNAMED = "tensor"

#: A message in another one: what it is, its number among its siblings, and its place.
Child = tuple[MessagePart, int, int, int]

#: Number of a field → the place of its text.
Texts = dict[int, tuple[int, int]]

#: A tensor's name, its description, and the place of that.
Found = tuple[str, TensorMessage, int, int]


def model_reader(data: memoryview, passes: int = 1) -> WireReader:
    """A reader of a model's messages.

    Args:
        data: The file.
        passes: How often each field is read.
    """
    return WireReader(data, passes * _MAX_FIELDS)


def tensors_of(reader: WireReader, start: int, end: int) -> Iterator[Found]:
    """The tensors of a model, in the order of the file.

    An initialiser has its own name, and a `Constant` that of its output. Other tensors of attributes have the
    name of the node's first output, that of the attribute, and a number in lists. Names in graphs that are
    attributes begin with these; in functions, with the function's domain and name.

    Args:
        reader: Reads the file.
        start: Position of the model.
        end: Position after it.

    Raises:
        FormatError: The model is damaged, nested too deeply, or larger than any real one.
    """
    characters = 0
    for found in _walk(reader, (MessagePart(MODEL, ""), 0, start, end), "", 0):
        characters += len(found[0])
        if characters > _MAX_NAMES:
            raise FormatError(f"the names of its tensors have more than {_MAX_NAMES:,} characters")
        yield found


def has_tensors(reader: WireReader, whole: Child, path: str) -> bool:
    """Whether a message has tensors inside.

    Args:
        reader: Reads the file.
        whole: The message.
        path: The name of what the message is a part of.

    Raises:
        FormatError: The message is damaged, or nested too deeply.
    """
    return next(_walk(reader, whole, path, 0), None) is not None


def _walk(reader: WireReader, whole: Child, path: str, depth: int) -> Iterator[Found]:
    (kind, _), _, start, end = whole
    if kind is TENSOR:
        message = read_tensor(reader, start, end)
        yield join(path, label_of(whole, message.name)) or UNNAMED, message, start, end
        return
    if depth > MAX_DEPTH:
        raise FormatError(f"messages are nested more than {MAX_DEPTH} deep")
    texts, children = describe(reader, kind, start, end)
    if children:
        path = join(path, label_of(whole, own_name(reader, kind, texts, children)))
        for child in children:
            yield from _walk(reader, child, path, depth + 1)


def describe(reader: WireReader, kind: MessageType, start: int, end: int) -> tuple[Texts, list[Child]]:
    """The texts in a message that its name may be, by number of their field, and the messages in it.

    Raises:
        FormatError: The message is damaged.
    """
    texts: Texts = {}
    children: list[Child] = []
    counts: dict[int, int] = {}
    for number, wire, at, stop in reader.fields(start, end, kind.skipped):
        if wire != LENGTH:
            continue
        if number in kind.parts:
            index = counts.get(number, 0)
            children.append((kind.parts[number], index, at, stop))
            counts[number] = index + 1
        elif number in kind.names and at < stop:
            texts.setdefault(number, (at, stop))
    if children and kind is NODE and bytes(reader.data[slice(*texts.get(_OPERATOR, (0, 0)))]) == b"Constant":
        (part,) = CONSTANT.parts.values()
        children = [(part, index, at, stop) for _, index, at, stop in children]
    return texts, children


def own_name(reader: WireReader, kind: MessageType, texts: Texts, children: Sequence[Child]) -> str:
    """A message's own name; empty if it has none.

    Args:
        reader: Reads the file.
        kind: Type of the message.
        texts: As `describe` gives them.
        children: As `describe` gives them.

    Raises:
        FormatError: The name isn't UTF-8.
    """
    if kind is SPARSE:
        return read_tensor(reader, *children[0][2:]).name if children else ""
    found = [reader.text(*texts[number]) for number in kind.names if number in texts]
    return ".".join(found) if kind.joined else found[0] if found else ""


def label_of(child: Child, name: str) -> str:
    """The addition of a message to the name of the whole: its own name, or its number if it has none."""
    (_, label), index, _, _ = child
    if label is None:
        return name or str(index)
    return label.replace(INDEX, str(index))


def join(path: str, label: str) -> str:
    """The name of a part of something.

    Raises:
        FormatError: The name is too long.
    """
    name = f"{path}/{label}" if path and label else path or label
    if len(name) > _MAX_NAME:
        raise FormatError(f"a name has more than {_MAX_NAME:,} characters")
    return name
