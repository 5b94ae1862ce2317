"""ONNX models as bytes, written field by field."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping

import numpy as np

from git_theta.formats.onnx.dtypes import DTYPES
from git_theta.formats.protobuf import FIXED32, LENGTH, VARINT, tag, varint

NUMBERS = {dtype: number for number, dtype in DTYPES.items()}


def field(number: int, content: bytes | str | int | float) -> bytes:
    """A field: bytes and texts of some length, numbers, floats of four bytes."""
    if isinstance(content, float):
        return tag(number, FIXED32) + struct.pack("<f", content)
    if isinstance(content, int):
        return tag(number, VARINT) + varint(content)
    data = content.encode() if isinstance(content, str) else content
    return tag(number, LENGTH) + varint(len(data)) + data


def fields(number: int, contents: Iterable[bytes | str | int | float]) -> bytes:
    return b"".join(field(number, each) for each in contents)


def tensor(name: str, dtype: str, shape: Iterable[int], data: bytes, data_field: int = 9) -> bytes:
    """A tensor with its elements in one of its fields."""
    return fields(1, shape) + field(2, NUMBERS[dtype]) + field(8, name) + field(data_field, data)


def floats(name: str, *numbers: float) -> bytes:
    """A vector."""
    return tensor(name, "F32", [len(numbers)], np.array(numbers, "<f4").tobytes())


def external(name: str, shape: Iterable[int], **entries: object) -> bytes:
    """A tensor whose elements are in another file."""
    texts = (field(1, key) + field(2, str(value)) for key, value in entries.items())
    return fields(1, shape) + field(2, 1) + field(8, name) + fields(13, texts) + field(14, 1)


def attribute(name: str, **values: bytes | str | int | float) -> bytes:
    """An attribute; values by field: `t` a tensor, `g` a graph, `f` a number, `i` an integer, `s` a text."""
    numbers = {"f": 2, "i": 3, "s": 4, "t": 5, "g": 6, "tensors": 10, "graphs": 11, "sparse": 22}
    content = b"".join(field(numbers[key], value) for key, value in values.items())
    return field(1, name) + content + field(20, 1)


def node(operator: str, inputs: str, outputs: str, *attributes: bytes, name: str = "") -> bytes:
    """A node; inputs and outputs are words."""
    ends = fields(1, inputs.split()) + fields(2, outputs.split())
    return ends + (field(3, name) if name else b"") + field(4, operator) + fields(5, attributes)


def graph(
    nodes: Iterable[bytes] = (),
    tensors: Iterable[bytes] = (),
    inputs: str = "x",
    outputs: str = "",
    more: bytes = b"",
) -> bytes:
    """A graph; inputs and outputs are words."""
    ends = fields(11, (value(name) for name in inputs.split()))
    ends += fields(12, (value(name) for name in outputs.split()))
    return fields(1, nodes) + field(2, "main") + fields(5, tensors) + ends + more


def value(name: str, *sizes: int | str) -> bytes:
    """An input or output, of F32."""
    dims = (field(2, size) if isinstance(size, str) else field(1, size) for size in sizes)
    return field(1, name) + field(2, field(1, field(1, 1) + field(2, fields(1, dims))))


def model(
    graph: bytes, metadata: Mapping[str, str] | None = None, producer: str = "tests", more: bytes = b""
) -> bytes:
    """A model."""
    entries = (field(1, key) + field(2, text) for key, text in (metadata or {}).items())
    head = field(1, 8) + field(2, producer) + field(7, graph) + field(8, field(1, "") + field(2, 17))
    return head + fields(14, entries) + more
