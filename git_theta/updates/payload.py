"""Payload headers: four bytes of header length, a msgpack map, then the body."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

import msgpack

from git_theta.errors import CorruptError
from git_theta.model.tensor import TensorSpec

_LENGTH = struct.Struct("<I")

#: Bytes of the longest header, but for updates whose headers are lists: many values may share a payload, and
#: each has it read.
MAX_HEADER = 16 << 10

#: Bytes of the longest header that is a list, such as a recipe's program.
MAX_LONG_HEADER = 1 << 20

#: Work for each byte of a long header; see `git_theta.updates.demand`.
HEADER_WORK = 40

PayloadHeader = Mapping[str, Any]


def pack_header(header: PayloadHeader) -> bytes:
    """The beginning of a payload: length and header."""
    packed: bytes = msgpack.packb(dict(header))
    return _LENGTH.pack(len(packed)) + packed


def typed_header(update: str, spec: TensorSpec, **more: Any) -> bytes:
    """The beginning of a payload; its header has the update, the value's dtype and shape, and more keys."""
    return pack_header({"update": update, "dtype": spec.dtype, "shape": list(spec.shape), **more})


def unpack(payload: memoryview, most: int = MAX_HEADER) -> tuple[dict[str, Any], memoryview]:
    """Header and body of a payload.

    Args:
        payload: The payload.
        most: Bytes of the longest header that is read.

    Raises:
        CorruptError: The payload has no valid header.
    """
    try:
        (length,) = _LENGTH.unpack_from(payload)
        if length > min(len(payload) - 4, most):
            raise ValueError(f"the header is longer than the payload, or than {most:,} bytes")
        header = msgpack.unpackb(payload[4 : 4 + length])
    except (struct.error, ValueError, TypeError, msgpack.UnpackException) as error:
        raise CorruptError(f"the payload has no valid header: {error}") from error
    if not isinstance(header, dict):
        raise CorruptError("the payload has no valid header: it isn't a map")
    return header, payload[4 + length :]


def unpack_typed(
    update: str, payload: memoryview | None, nbytes: int, most: int = MAX_HEADER
) -> tuple[TensorSpec, dict[str, Any], memoryview]:
    """Dtype and shape of the value, header and body, of a payload that begins with `typed_header`.

    Args:
        update: Name of the update that the payload must be of.
        payload: The payload.
        nbytes: Size in bytes that the value must have.
        most: Bytes of the longest header that is read.

    Raises:
        CorruptError: There's no payload, or one of another update, or of a value of another size.
    """
    if payload is None:
        raise CorruptError(f"an update of kind {update!r} has a payload")
    spec, header, body = parse_typed(update, payload, most)
    if spec.nbytes != nbytes:
        raise CorruptError(f"the payload is of a value of {spec.nbytes} bytes, not {nbytes}")
    return spec, header, body


def parse_typed(
    update: str, payload: memoryview, most: int = MAX_HEADER
) -> tuple[TensorSpec, dict[str, Any], memoryview]:
    """As `unpack_typed`, for a value of any size.

    Raises:
        CorruptError: The payload is of another update, or its header makes no sense.
    """
    header, body = unpack(payload, most)
    if header.get("update") != update:
        raise CorruptError(f"the payload isn't of an update of kind {update!r}")
    shape = header.get("shape")
    try:
        if not isinstance(shape, list) or not all(type(size) is int for size in shape):
            raise ValueError("no shape")
        spec = TensorSpec(str(header.get("dtype")), tuple(shape))
        if spec.is_packed:
            raise ValueError("values of a packed dtype are stored as bytes")
    except (ValueError, OverflowError) as error:
        raise CorruptError(f"the payload's header makes no sense: {error}") from error
    return spec, header, body
