"""Archives that follow each other."""

from __future__ import annotations

import io
import zipfile
from itertools import pairwise

import pytest

from git_theta.errors import FormatError
from git_theta.formats.pytorch import zip_chain
from git_theta.formats.pytorch.zip_chain import archive_start, archives
from git_theta.formats.zip_structs import END, END_64, END_64_MAGIC, END_MAGIC, LOCATOR_64, LOCATOR_64_MAGIC


def archive(comment: bytes = b"") -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as opened:
        opened.writestr("a", b"123")
        opened.comment = comment
    return file.getvalue()


def wide(data: bytes) -> bytes:
    """The archive with a 64-bit end record."""
    *_, size, start, _ = END.unpack_from(data, len(data) - END.size)
    record = END_64.pack(END_64_MAGIC, 44, 45, 45, 0, 0, 1, 1, size, start)
    locator = LOCATOR_64.pack(LOCATOR_64_MAGIC, 0, start + size, 1)
    end = END.pack(END_MAGIC, 0, 0, 1, 1, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    return data[: -END.size] + record + locator + end


def test_archives_are_found_from_the_end() -> None:
    parts = [archive(), wide(archive()), archive()]
    data = memoryview(b"".join(parts))
    ends = [sum(map(len, parts[:count])) for count in range(4)]
    assert archives(data) == list(pairwise(ends))
    assert archives(memoryview(b"other bytes" + archive()))[0][0] == len(b"other bytes")


@pytest.mark.parametrize("data", [b"", b"PK\x05\x06", archive()[:-1], archive(b"comment"), archive() + b"x"])
def test_other_bytes(data: bytes) -> None:
    assert archive_start(memoryview(data), len(data)) is None
    assert archives(memoryview(data)) == []


def test_positions_that_lie() -> None:
    data = bytearray(archive())
    for field in (12, 16):
        lying = bytearray(data)
        lying[len(data) - END.size + field] ^= 0x80
        assert archive_start(memoryview(lying), len(lying)) is None


def test_there_is_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zip_chain, "MAX_ARCHIVES", 3)
    with pytest.raises(FormatError, match="more than 3 archives"):
        archives(memoryview(archive() * 4))
