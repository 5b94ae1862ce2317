"""Archives as PyTorch lays them out."""

from __future__ import annotations

import io
import zipfile

import pytest

from git_theta.formats.base import ComposeError
from git_theta.formats.pytorch.zip_writer import write_archive
from git_theta.formats.zip_reader import zip_members

RECORDS = [("data.pkl", b"pickle"), ("empty", b""), ("data/0", bytes(1000)), ("größe", b"x")]


@pytest.mark.parametrize("alignment", [1, 64, 4096])
def test_python_reads_the_archive(alignment: int) -> None:
    data = bytes(write_archive("model", RECORDS, alignment))
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        assert file.testzip() is None
        assert [(name, file.read(name)) for name in file.namelist()] == [
            (f"model/{name}", content) for name, content in RECORDS
        ]


@pytest.mark.parametrize("alignment", [1, 64, 4096])
def test_records_are_aligned(alignment: int) -> None:
    members = zip_members(write_archive("model", RECORDS, alignment))
    assert [member.offset % alignment for member in members] == [0] * len(RECORDS)


def test_an_archive_without_records() -> None:
    assert zip_members(write_archive("model", [], 64)) == []


def test_a_name_has_a_limit() -> None:
    with pytest.raises(ComposeError, match="too long"):
        write_archive("model", [("x" * 5000, b"")], 64)
