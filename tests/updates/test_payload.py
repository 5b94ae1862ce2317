from __future__ import annotations

import struct

import msgpack
import pytest

from git_theta.errors import CorruptError
from git_theta.model.tensor import TensorSpec
from git_theta.updates.payload import MAX_LONG_HEADER, pack_header, typed_header, unpack, unpack_typed

SPEC = TensorSpec("BF16", (3, 4))


def test_header_and_body_come_back() -> None:
    payload = memoryview(typed_header("delta", SPEC, step=0.5) + b"body")
    spec, header, body = unpack_typed("delta", payload, SPEC.nbytes)
    assert (spec, header["step"], bytes(body)) == (SPEC, 0.5, b"body")
    assert unpack(payload)[0] == header


def framed(data: bytes) -> bytes:
    return struct.pack("<I", len(data)) + data


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\0\0\0",
        struct.pack("<I", 9),
        struct.pack("<I", 1 << 31),
        framed(b"\xc1"),
        framed(msgpack.packb([1])),
    ],
)
def test_payloads_without_a_header(payload: bytes) -> None:
    with pytest.raises(CorruptError, match="no valid header"):
        unpack(memoryview(payload))


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ({"update": "sparse", "dtype": "F32", "shape": [6]}, "isn't of an update of kind 'delta'"),
        ({"update": "delta", "dtype": "F33", "shape": [6]}, "makes no sense"),
        ({"update": "delta", "dtype": "F32", "shape": [-6]}, "makes no sense"),
        ({"update": "delta", "dtype": "F32", "shape": 6}, "makes no sense"),
        ({"update": "delta", "dtype": "F32", "shape": [True]}, "makes no sense"),
        ({"update": "delta", "dtype": "F32"}, "makes no sense"),
        ({"update": "delta", "dtype": "F32", "shape": [7]}, "a value of 28 bytes, not 24"),
    ],
)
def test_headers_of_other_values(header: dict[str, object], message: str) -> None:
    with pytest.raises(CorruptError, match=message):
        unpack_typed("delta", memoryview(pack_header(header)), 24)


def test_there_must_be_a_payload() -> None:
    with pytest.raises(CorruptError, match="'delta' has a payload"):
        unpack_typed("delta", None, 24)


def test_only_headers_that_are_lists_may_be_long() -> None:
    payload = memoryview(pack_header({"update": "rows", "runs": [1 << 40] * 3000}))
    with pytest.raises(CorruptError, match="no valid header"):
        unpack(payload)
    assert len(unpack(payload, MAX_LONG_HEADER)[0]["runs"]) == 3000
    with pytest.raises(CorruptError, match="no valid header"):
        unpack(memoryview(pack_header({"runs": bytes(MAX_LONG_HEADER)})), MAX_LONG_HEADER)
