from __future__ import annotations

import hashlib
import io
from pathlib import Path

import pytest

from git_theta.errors import CorruptError
from git_theta.store.sha256 import checked_bytes, map_file, sha256_hex


@pytest.mark.parametrize("data", [b"", b"abc"])
def test_bytes_of_files_and_of_what_is_like_one(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "file").write_bytes(data)
    with (tmp_path / "file").open("rb") as file:
        file.read(1)
        assert map_file(file) == data
    assert map_file(io.BytesIO(data)) == data


def test_an_upload_of_damaged_bytes_is_refused() -> None:
    oid = hashlib.sha256(b"abc").hexdigest()
    assert sha256_hex(memoryview(b"abc")) == oid
    assert checked_bytes(io.BytesIO(b"abc"), oid) == b"abc"
    with pytest.raises(CorruptError, match="damaged here"):
        checked_bytes(io.BytesIO(b"abd"), oid)
