"""The files of tar archives."""

from __future__ import annotations

import io
import tarfile

import pytest

from git_theta.errors import FormatError
from git_theta.formats.archive import tar_reader
from git_theta.formats.archive.tar_reader import BLOCK, begins_tar, tar_files
from tests.helpers.tarred import tarred

FILES = {"a": b"123", "./folder/b": bytes(1000), "x" * 300: b"long", "d/" * 60 + "ö": b"deep", "empty": b""}


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_files_are_those_that_python_finds(form: int) -> None:
    files = {name: data for name, data in FILES.items() if form != tarfile.USTAR_FORMAT or name[0] != "x"}
    data = memoryview(tarred(files, form))
    assert begins_tar(data)
    found = {each.name: bytes(data[each.start : each.end]) for each in tar_files(data)}
    assert found == {name.removeprefix("./"): content for name, content in files.items()}


def test_folders_and_links_are_passed_over() -> None:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for name, kind in (("d", tarfile.DIRTYPE), ("l", tarfile.SYMTYPE), ("h", tarfile.LNKTYPE)):
            info = tarfile.TarInfo(name)
            info.type = kind
            archive.addfile(info)
    assert tar_files(memoryview(made.getvalue())) == []


def test_sizes_in_base_256_and_in_attributes() -> None:
    data = bytearray(tarred({"a": b"123"}, tarfile.GNU_FORMAT))
    data[124:136] = b"\x80" + (3).to_bytes(11, "big")
    data[148:156] = b"%06o\0 " % (sum(data[:BLOCK]) - sum(data[148:156]) + 8 * 32)
    (found,) = tar_files(memoryview(data))
    assert found.end - found.start == 3
    data[125] = 0x7F
    data[148:156] = b"%06o\0 " % (sum(data[:BLOCK]) - sum(data[148:156]) + 8 * 32)
    with pytest.raises(FormatError, match="cut off"):
        tar_files(memoryview(data))


@pytest.mark.parametrize("place", [0, 100, 124, 148, 257])
def test_damaged_headers(place: int) -> None:
    data = bytearray(tarred({"a": b"123"}, tarfile.USTAR_FORMAT))
    data[place] ^= 0xFF
    with pytest.raises(FormatError):
        tar_files(memoryview(data))


@pytest.mark.parametrize(
    "line", [b"7 path=\n", b"0 path=a\n", b"x path=a\n", b"9" * 23 + b" a=b\n", b"12 size=-10\n"]
)
def test_damaged_attributes(line: bytes) -> None:
    header = bytearray(tarred({"x": line}, tarfile.USTAR_FORMAT)[: 2 * BLOCK])
    header[156] = ord("x")
    header[148:156] = b"%06o\0 " % (sum(header[:BLOCK]) - sum(header[148:156]) + 8 * 32)
    with pytest.raises(FormatError):
        tar_files(memoryview(bytes(header) + tarred({"a": b"123"})))


def test_archives_that_end_early() -> None:
    data = tarred({"a": bytes(600)}, tarfile.USTAR_FORMAT)
    assert len(tar_files(memoryview(data[: 3 * BLOCK]))) == 1
    with pytest.raises(FormatError, match="cut off"):
        tar_files(memoryview(data[: 2 * BLOCK]))


def test_there_is_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tar_reader, "MAX_FILES", 2)
    with pytest.raises(FormatError, match="more than 2 files"):
        tar_files(memoryview(tarred({"a": b"", "b": b"", "c": b""})))
