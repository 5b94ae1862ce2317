from __future__ import annotations

import errno
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from git_theta.errors import ThetaError
from git_theta.store import pack_buffer
from git_theta.store.local import LocalStore
from git_theta.store.pack_buffer import PackBuffer


@pytest.fixture(params=[0, 5_000, 1 << 30])
def buffer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> PackBuffer:
    """A buffer with its payloads in a file, partly in a file, or in memory."""
    monkeypatch.setattr(pack_buffer, "_IN_MEMORY", request.param)
    return PackBuffer(LocalStore(tmp_path))


def test_payloads_can_be_taken(buffer: PackBuffer) -> None:
    payloads = [os.urandom(n % 300) for n in range(200)]
    with ThreadPoolExecutor(4) as pool:
        held = list(pool.map(buffer.put, payloads))
        assert list(pool.map(buffer.take, held)) == payloads
    assert [item.size for item in held] == list(map(len, payloads))
    buffer.close()


def test_equal_payloads_are_buffered_once(buffer: PackBuffer) -> None:
    one, other, same = (buffer.put(payload) for payload in (b"one", b"other", b"one"))
    assert one == same
    assert len({one, other, same}) == 2
    assert buffer.take(one) == b"one"
    buffer.close()


def test_taking_a_payload_makes_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pack_buffer, "_IN_MEMORY", 1000)
    buffer = PackBuffer(LocalStore(tmp_path))
    before = len(os.listdir("/dev/fd"))
    for _ in range(20):
        payload = os.urandom(900)
        assert buffer.take(buffer.put(payload)) == payload
    assert len(os.listdir("/dev/fd")) == before
    buffer.close()


def test_no_file_is_left(buffer: PackBuffer, tmp_path: Path) -> None:
    before = len(os.listdir("/dev/fd"))
    for _ in range(10):
        buffer.put(os.urandom(1000))
    buffer.close()
    assert len(os.listdir("/dev/fd")) == before
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_full_disk_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_args: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(pack_buffer, "_IN_MEMORY", 0)
    monkeypatch.setattr(os, "pwrite", full)
    buffer = PackBuffer(LocalStore(tmp_path))
    with pytest.raises(ThetaError, match="free some disk space"):
        buffer.put(b"payload")
    buffer.close()
