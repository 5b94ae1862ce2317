"""The frame of every payload: four bytes of header length, a msgpack map, then the body."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

import msgpack

from git_theta.errors import CorruptError

_LENGTH = struct.Struct("<I")
_MAX_HEADER = 1 << 20


def pack_header(header: Mapping[str, Any]) -> bytes:
    """The bytes that begin a payload."""
    packed: bytes = msgpack.packb(dict(header))
    return _LENGTH.pack(len(packed)) + packed


def unpack(payload: memoryview) -> tuple[dict[str, Any], memoryview]:
    """Header and body of a payload.

    Raises:
        CorruptError: There's no valid header.
    """
    try:
        (length,) = _LENGTH.unpack_from(payload)
        if length > min(len(payload) - 4, _MAX_HEADER):
            raise ValueError("the header is longer than the payload")
        header = msgpack.unpackb(payload[4 : 4 + length])
    except (struct.error, ValueError, TypeError, msgpack.UnpackException) as error:
        raise CorruptError(f"the payload has no valid header: {error}") from error
    if not isinstance(header, dict):
        raise CorruptError("the payload has no valid header: it isn't a map")
    return header, payload[4 + length :]
