"""GGUF files as bytes."""

from __future__ import annotations

import struct
from collections.abc import Mapping

from git_theta.formats.gguf.dtypes import NUMBERS

#: Dtype, shape and bytes of a tensor.
GgufTensor = tuple[str, tuple[int, ...], bytes]


def gguf_bytes(
    tensors: Mapping[str, GgufTensor],
    metadata: Mapping[str, object] | None = None,
    version: int = 3,
    big_endian: bool = False,
    alignment: int | None = None,
) -> bytes:
    """A file with tensors in order, each aligned.

    Args:
        tensors: The tensors; bytes are those of the file.
        metadata: Texts, numbers, truth values, and lists of these.
        version: Version of the format.
        big_endian: Whether the header's numbers have their most significant byte first.
        alignment: What the metadata says; any number, 32 if it says nothing.
    """
    order = ">" if big_endian else "<"
    found = dict(metadata or {})
    if alignment is not None:
        found["general.alignment"] = alignment
    header = b"GGUF" + struct.pack(order + "IQQ", version, len(tensors), len(found))
    for key, value in found.items():
        kind, content = _value(value, order)
        header += _text(key, order) + struct.pack(order + "I", kind) + content
    step = alignment if alignment and alignment <= 1 << 20 else 32
    body = b""
    for name, (dtype, shape, data) in tensors.items():
        header += _text(name, order) + struct.pack(f"{order}I{len(shape)}Q", len(shape), *reversed(shape))
        header += struct.pack(order + "IQ", NUMBERS[dtype], len(body))
        body += data + bytes(-len(data) % step)
    return header + bytes(-len(header) % step if tensors else 0) + body


def _value(value: object, order: str) -> tuple[int, bytes]:
    if isinstance(value, bool):
        return 7, struct.pack("?", value)
    if isinstance(value, int):
        return 4, struct.pack(order + "I", value)
    if isinstance(value, float):
        return 6, struct.pack(order + "f", value)
    if isinstance(value, str):
        return 8, _text(value, order)
    assert isinstance(value, list)
    parts = [_value(part, order) for part in value]
    kind = parts[0][0] if parts else 4
    return 9, struct.pack(order + "IQ", kind, len(parts)) + b"".join(content for _, content in parts)


def _text(text: str, order: str) -> bytes:
    data = text.encode()
    return struct.pack(order + "Q", len(data)) + data
