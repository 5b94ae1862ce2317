"""Fields of Protocol Buffers' messages."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_theta.errors import FormatError
from git_theta.formats.protobuf import Field, WireReader, read_varint, tag, varint
from tests.helpers.onnx_files import field


def read(data: bytes, most: int = 100) -> list[Field]:
    return list(WireReader(memoryview(data), most).fields(0, len(data)))


@given(st.integers(-(1 << 63), (1 << 63) - 1))
def test_numbers(value: int) -> None:
    data = varint(value)
    reader = WireReader(memoryview(data), 1)
    assert reader.number(0, len(data)) == value
    assert list(reader.numbers(2, 0, len(data))) == [value]
    assert list(reader.numbers(5, 0, len(data))) == []


def test_each_wire_type() -> None:
    data = field(1, 300) + field(2, b"abc") + field(3, 1.5) + tag(4000, 1) + bytes(8)
    assert read(data) == [(1, 0, 1, 3), (2, 2, 5, 8), (3, 5, 9, 13), (4000, 1, 16, 24)]


def test_long_fields() -> None:
    data = field(1, bytes(300)) + field(1, b"")
    assert read(data) == [(1, 2, 3, 303), (1, 2, 305, 305)]


def test_skipped_fields() -> None:
    data = field(7, 1.0) * 3 + field(1, b"a") + field(7, 1.0)
    reader = WireReader(memoryview(data), 1)
    assert list(reader.fields(0, len(data), re.compile(rb"(?s:(?:=.{4})++)"))) == [(1, 2, 17, 18)]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\x08", "no end"),
        (b"\x08" + b"\x80" * 9, "no end"),
        (b"\x08" + b"\x80" * 11, "no end"),
        (b"\x80" * 20, "no end"),
        (b"\x0a", "no end"),
        (b"\x0a\x05abcd", "doesn't end in its message"),
        (b"\x0a" + b"\xff" * 9 + b"\x01", "doesn't end in its message"),
        (b"\x0d123", "doesn't end in its message"),
        (b"\x09" + bytes(7), "doesn't end in its message"),
        (b"\x02\x01a", "has no number"),
        (b"\x0b", "wire type 3"),
        (b"\x0e", "wire type 6"),
        (b"\x08\x01" * 101, "more than 100 fields"),
    ],
)
def test_damaged_messages(data: bytes, message: str) -> None:
    with pytest.raises(FormatError, match=message):
        read(data)


def test_a_number_beyond_a_message() -> None:
    with pytest.raises(FormatError, match="no end"):
        read_varint(memoryview(b"\x80\x01"), 0, 1)


def test_a_text_that_is_none() -> None:
    with pytest.raises(FormatError, match="UTF-8"):
        WireReader(memoryview(b"\xff"), 1).text(0, 1)
