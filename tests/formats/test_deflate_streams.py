from __future__ import annotations

import gzip
import io
import zipfile
import zlib

import numpy as np
import pytest

from git_theta.errors import FormatError
from git_theta.formats.deflate_streams import find_streams, may_have_streams, plain_beginnings
from git_theta.model.tensor import TensorSpec
from tests.helpers.weights import trained

DATA = trained(TensorSpec("F32", (5000,)))


def streams(data: bytes) -> dict[str, bytes]:
    """Contents of the streams of a file, by name."""
    assert may_have_streams(memoryview(data))
    found = {}
    for name, (offset, packed, plain) in find_streams(memoryview(data)).items():
        inflator = zlib.decompressobj(-15)
        found[name] = inflator.decompress(data[offset : offset + packed])
        assert inflator.eof
        assert not inflator.unused_data
        assert len(found[name]) == plain
    return found


def test_an_archive_has_a_stream_for_each_compressed_member() -> None:
    file = io.BytesIO()
    array = np.frombuffer(DATA, "<f4")
    np.savez_compressed(file, weight=array, tiny=array[:5])
    found = streams(file.getvalue())
    assert found["weight.npy"].endswith(DATA)
    assert set(found) == {"weight.npy"}


@pytest.mark.parametrize("name", ["", "model.pkl"])
def test_a_gzip_file_has_one_stream(name: str) -> None:
    file = io.BytesIO()
    with gzip.GzipFile(name, "wb", fileobj=file) as packed:
        packed.write(DATA)
    assert streams(file.getvalue() + b"more") == {"": DATA}


def test_a_gzip_header_may_have_everything() -> None:
    raw = zlib.compressobj(6, zlib.DEFLATED, -15)
    body = raw.compress(DATA) + raw.flush()
    header = b"\x1f\x8b\x08\x1e" + bytes(6) + b"\3\0abc" + b"name\0" + b"comment\0" + b"cc"
    assert streams(header + body + bytes(8)) == {"": DATA}


def test_a_zlib_file_has_one_stream() -> None:
    for level in (1, 3, 6, 9):
        assert streams(zlib.compress(DATA, level)) == {"": DATA}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"x",
        b"GGUF" + bytes(100),
        b"PK" + bytes(100),
        b"\x1f\x8b\x08",
        b"\x1f\x8b\x08\x08" + b"x" * 100,
        b"x\x9c" + b"junk" * 100,
        zlib.compress(DATA)[:9000],
        zlib.compress(bytes(10 << 20)),
    ],
    ids=["empty", "short", "other", "zip", "cut", "gzip", "zlib", "half", "zeros"],
)
def test_other_and_damaged_files_have_none(data: bytes) -> None:
    with pytest.raises(FormatError):
        find_streams(memoryview(data))


def test_beginnings_are_as_long_as_they_may_be() -> None:
    assert list(plain_beginnings(memoryview(zlib.compress(DATA)), 1000, 5000)) == [DATA[:1000]]
    assert list(plain_beginnings(memoryview(gzip.compress(DATA)), 1000, 500)) == [DATA[:500]]
    # A file that's cut off has a beginning, too.
    assert list(plain_beginnings(memoryview(zlib.compress(DATA)[:9000]), 1000, 5000)) == [DATA[:1000]]
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        for n in range(4):
            made.writestr(f"{n}", DATA[n:])
    found = list(plain_beginnings(memoryview(file.getvalue()), 1000, 2500))
    assert found == [DATA[:1000], DATA[1:1001], DATA[2:502]]


@pytest.mark.parametrize("data", [b"", b"GGUF" + bytes(100), b"PK" + bytes(100), b"\x1f\x8b\x08"])
def test_other_files_have_no_beginnings(data: bytes) -> None:
    assert list(plain_beginnings(memoryview(data), 1000, 1000)) == []
