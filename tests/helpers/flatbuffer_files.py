"""FlatBuffers as bytes, and TensorFlow Lite's models."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from git_theta.formats.tflite.model import DTYPES

#: A field: a format and a number or numbers, a text, bytes, a table or tables.
Fields = Mapping[int, Any]


def flatbuffer(root: Fields, identifier: bytes) -> bytes:
    """A file with its tables after one another."""
    out = bytearray(4) + identifier
    struct.pack_into("<I", out, 0, _table(out, root))
    return bytes(out)


def _table(out: bytearray, fields: Fields) -> int:
    """Append a table and what is in it; the position of the table."""
    slots = [0] * (max(fields, default=-1) + 1)
    body, children = bytearray(4), []
    for number, value in fields.items():
        if isinstance(value, tuple) and not isinstance(value[1], Sequence):
            body += bytes(-len(body) % 8)
            slots[number] = len(body)
            body += struct.pack("<" + value[0], value[1])
        else:
            body += bytes(-len(body) % 4)
            slots[number] = len(body)
            children.append((len(body), value))
            body += bytes(4)
    out += bytes(-len(out) % 8)
    begin = len(out)
    out += struct.pack(f"<HH{len(slots)}H", 4 + 2 * len(slots), len(body), *slots)
    out += bytes(-len(out) % 8)
    position = len(out)
    struct.pack_into("<i", body, 0, position - begin)
    out += body
    for offset, value in children:
        struct.pack_into("<I", out, position + offset, _child(out, value) - position - offset)
    return position


def _child(out: bytearray, value: Any) -> int:
    if isinstance(value, dict):
        return _table(out, value)
    if isinstance(value, str):
        return _vector(out, value.encode() + b"\0", len(value.encode()), 4)
    if isinstance(value, bytes):
        return _vector(out, value, len(value), 16)
    if isinstance(value, tuple):
        form, numbers = value
        return _vector(out, struct.pack(f"<{len(numbers)}{form}", *numbers), len(numbers), 8)
    position = _vector(out, bytes(4 * len(value)), len(value), 4)
    for index, table in enumerate(value):
        place = position + 4 + 4 * index
        struct.pack_into("<I", out, place, _table(out, table) - place)
    return position


def _vector(out: bytearray, content: bytes, count: int, alignment: int) -> int:
    out += bytes(-(len(out) + 4) % alignment)
    position = len(out)
    out += struct.pack("<I", count) + content
    return position


def tensor(
    name: str,
    dtype: str,
    shape: Iterable[int],
    buffer: int,
    scale: Sequence[float] = (),
    zero_point: Sequence[int] = (),
) -> dict[int, Any]:
    """A tensor whose elements are in a buffer."""
    number = next(number for number, each in DTYPES.items() if each == dtype)
    fields: dict[int, Any] = {0: ("i", tuple(shape)), 1: ("b", number), 2: ("I", buffer), 3: name}
    if scale:
        fields[4] = {2: ("f", tuple(scale)), 3: ("q", tuple(zero_point)), 6: ("i", 1)}
    return fields


def tflite(
    tensors: Sequence[Fields],
    buffers: Sequence[bytes],
    graphs: Sequence[Fields] = (),
    description: str = "made",
) -> bytes:
    """A model; its first buffer should be empty."""
    main = {0: list(tensors), 1: ("i", (0,)), 2: ("i", ()), 3: [], 4: "main"}
    held = [{0: each} if each else {} for each in buffers]
    metadata = {6: [{0: "min_runtime_version", 1: ("I", 0)}]}
    fields = {0: ("I", 3), 1: [], 2: [main, *graphs], 3: description, 4: held, **metadata}
    return flatbuffer(fields, b"TFL3")


def tflite_beyond(tensors: Sequence[Fields], contents: Sequence[bytes], shift: int = 0) -> bytes:
    """A model whose buffers follow its tables, as those of over 2 GiB do.

    Args:
        tensors: The tensors.
        contents: The contents of the buffers, from the one with number 1 on.
        shift: Bytes by which the place of each buffer is wrong.
    """
    places: list[tuple[int, int]] = [(1 << 20, 1)] * len(contents)
    for _ in range(2):
        held = [
            {},
            *({1: ("Q", start + shift * n), 2: ("Q", size)} for n, (start, size) in enumerate(places)),
        ]
        main = {0: list(tensors), 4: "main"}
        head = flatbuffer({0: ("I", 3), 2: [main], 4: held}, b"TFL3")
        body, places = b"", []
        for content in contents:
            body += bytes(-(len(head) + len(body)) % 16)
            places.append((len(head) + len(body), len(content)))
            body += content
    return head + body
