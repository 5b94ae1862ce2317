"""Tables and vectors of FlatBuffers."""

from __future__ import annotations

import struct
from contextlib import suppress

import pytest

from git_theta.errors import FormatError
from git_theta.formats.flatbuffers import FlatTable, root_table
from tests.helpers.flatbuffer_files import flatbuffer

FIELDS = {
    0: ("i", -3),
    2: "größe",
    3: ("q", (1, 2, 3)),
    5: {0: ("f", 0.5)},
    6: [{0: "a"}, {0: "b"}, {}],
}
DATA = flatbuffer(FIELDS, b"TEST")


def root(data: bytes) -> FlatTable:
    return root_table(memoryview(data))


def test_fields() -> None:
    table = root(DATA)
    assert (table.number(0, "i"), table.number(1, "I", 7), table.number(99, "I")) == (-3, 7, 0)
    assert (table.text(2), table.text(1)) == ("größe", "")
    assert (table.numbers(3, "q", 9), table.numbers(3, "q", 2), table.numbers(1, "q", 2)) == (
        (1, 2, 3),
        (1, 2),
        (),
    )
    inner = table.table(5)
    assert inner
    assert inner.number(0, "f") == 0.5
    assert table.table(1) is None
    assert [each.text(0) for each in table.tables(6)] == ["a", "b", ""]


def everything(data: bytes) -> None:
    table = root(data)
    table.number(0, "i")
    table.text(2)
    table.numbers(3, "q", 9)
    for each in (table.table(5), *table.tables(6)):
        if each:
            each.text(0)


def test_no_byte_leads_out_of_the_file() -> None:
    for place in range(len(DATA)):
        for value in (0, 1, 0x7F, 0x80, 0xFF):
            altered = bytearray(DATA)
            altered[place] = value
            for data in (bytes(altered), DATA[:place]):
                with suppress(FormatError):
                    everything(data)


@pytest.mark.parametrize("offset", [1 << 31, len(DATA), len(DATA) - 3])
def test_a_root_that_is_none(offset: int) -> None:
    with pytest.raises(FormatError, match="points out of the file"):
        root(struct.pack("<I", offset) + DATA[4:]).text(2)


def test_a_short_file() -> None:
    with pytest.raises(FormatError, match="points out of the file"):
        root(b"123")


def test_long_vectors_and_texts() -> None:
    place = DATA.index("größe".encode()) - 4
    for count in (1 << 31, 1 << 17):
        data = DATA[:place] + struct.pack("<I", count) + DATA[place + 4 :] + bytes(1 << 17)
        with pytest.raises(FormatError, match=r"longer than the file|more than 65,536"):
            root(data).text(2)
    with pytest.raises(FormatError, match="UTF-8"):
        root(DATA.replace("größe".encode(), b"\xff" * 7)).text(2)
