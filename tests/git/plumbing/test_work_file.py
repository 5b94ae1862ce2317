from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_theta.git.plumbing.work_file import drain, work_file
from git_theta.store.local import LocalStore


def pieces(data: bytes, size: int = 1000) -> Iterator[memoryview]:
    for start in range(0, len(data), size):
        yield memoryview(bytearray(data[start : start + size]))


@given(st.binary(max_size=5000), st.binary(max_size=5000), st.booleans())
def test_a_stream_is_recognised_exactly_when_it_is_the_file(
    tmp_path_factory: pytest.TempPathFactory, file: bytes, stream: bytes, same: bool
) -> None:
    folder = tmp_path_factory.getbasetemp()
    path = folder / "file"
    path.write_bytes(file)
    stream = file if same else stream
    with work_file(str(path)) as opened:
        kept = drain(pieces(stream, 700), opened, LocalStore(folder / "theta").temporary_file)
    if kept is None:
        assert stream == file
    else:
        assert bytes(kept) == stream
        assert stream != file or not file


@pytest.mark.parametrize("extra", [b"", b"x"])
def test_a_long_stream_is_spooled(tmp_path: Path, extra: bytes) -> None:
    data = os.urandom(9 << 20)
    (tmp_path / "file").write_bytes(data)
    altered = data[:-1] + bytes([data[-1] ^ 1]) + extra
    with work_file(str(tmp_path / "file")) as opened:
        kept = drain(pieces(altered, 65516), opened, LocalStore(tmp_path).temporary_file)
    assert kept is not None
    assert bytes(kept) == altered


def test_only_regular_files_are_opened(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "link").symlink_to(__file__)
    os.mkfifo(tmp_path / "fifo")
    for name in ("empty", "link", "fifo", ".", "missing"):
        with work_file(str(tmp_path / name)) as opened:
            assert opened is None


def test_a_snapshot_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    with work_file(str(path)) as opened:
        assert opened is not None
        taken = opened.snapshot(LocalStore(tmp_path).temporary_file)
        path.write_bytes(b"")
        assert bytes(taken) == b"abc"
        assert bytes(opened.snapshot(LocalStore(tmp_path).temporary_file)) == b""


def test_a_change_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    with work_file(str(path)) as opened:
        assert opened is not None
        assert opened.unchanged()
        os.utime(path, (1, 1))
        assert not opened.unchanged()
