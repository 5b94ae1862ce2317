"""Zip archives: members, and archives that lie about them."""

from __future__ import annotations

import io
import zipfile
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_theta.errors import FormatError
from git_theta.formats.zip_reader import DEFLATED, STORED, read_member, zip_members
from tests.helpers.generators import broken


def archive(method: int = zipfile.ZIP_STORED, **members: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return out.getvalue()


@pytest.mark.parametrize(
    ("method", "number"), [(zipfile.ZIP_STORED, STORED), (zipfile.ZIP_DEFLATED, DEFLATED)]
)
def test_members_are_found_and_read(method: int, number: int) -> None:
    data = memoryview(archive(method, a=b"x" * 1000, b=b""))
    first, second = zip_members(data)
    assert (first.name, first.size, first.method, second.name, second.size) == ("a", 1000, number, "b", 0)
    assert read_member(data, first, 1000) == b"x" * 1000
    for position in first.crcs:
        assert bytes(data[position : position + 4]) == zlib.crc32(b"x" * 1000).to_bytes(4, "little")


def test_a_member_may_not_be_larger_than_the_caller_can_take() -> None:
    data = memoryview(archive(a=bytes(11)))
    with pytest.raises(FormatError, match="a is too large: 11 bytes"):
        read_member(data, zip_members(data)[0], 10)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compression_is_refused(method: int) -> None:
    data = memoryview(archive(method, a=bytes(100)))
    with pytest.raises(FormatError, match="is compressed with method"):
        read_member(data, zip_members(data)[0], 1000)


@given(broken(st.just(archive(zipfile.ZIP_DEFLATED, a=b"x" * 99, b=b"y"))))
def test_a_broken_archive_is_one_error(data: bytes) -> None:
    try:
        found = [read_member(memoryview(data), member, 1 << 10) for member in zip_members(memoryview(data))]
    except FormatError:
        return
    assert all(len(content) <= 1 << 10 for content in found)


def test_nothing_may_follow_the_archive() -> None:
    with pytest.raises(FormatError, match="goes on after"):
        zip_members(memoryview(archive(a=b"x") + b"more"))


def test_members_may_not_lie_in_each_other() -> None:
    data = bytearray(archive(outer=archive(a=b"x" * 9), b=b""))
    inner = data.index(b"PK\3\4", 4)
    # The entry of `b` points into `outer`, to a member of the same name.
    at = data.rindex(b"PK\1\2")
    data[inner + 30 : inner + 31] = b"b"
    data[at + 16 : at + 28] = data[inner + 14 : inner + 26]
    data[at + 42 : at + 46] = inner.to_bytes(4, "little")
    with pytest.raises(FormatError, match="outer and b of the zip archive overlap"):
        zip_members(memoryview(data))


def test_a_compressed_member_may_not_be_very_many_times_larger() -> None:
    content = bytes(2 << 20)
    data = memoryview(archive(zipfile.ZIP_DEFLATED, a=content))
    with pytest.raises(FormatError, match="a claims to have 2097152 bytes, compressed to"):
        read_member(data, zip_members(data)[0], 1 << 30)
    kept = memoryview(archive(a=content))
    assert read_member(kept, zip_members(kept)[0], 1 << 30) == content
