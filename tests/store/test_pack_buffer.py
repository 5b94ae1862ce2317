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
def holding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> PackBuffer:
    """Payloads wait in a file, some of them there, or in memory."""
    monkeypatch.setattr(pack_buffer, "_IN_MEMORY", request.param)
    return PackBuffer(LocalStore(tmp_path))


def test_payloads_come_back(holding: PackBuffer) -> None:
    payloads = [os.urandom(n % 300) for n in range(200)]
    with ThreadPoolExecutor(4) as pool:
        held = list(pool.map(holding.put, payloads))
        assert list(pool.map(holding.take, held)) == payloads
    assert [item.size for item in held] == list(map(len, payloads))
    holding.close()


def test_equal_payloads_are_the_same(holding: PackBuffer) -> None:
    one, other, same = (holding.put(payload) for payload in (b"one", b"other", b"one"))
    assert one == same
    assert len({one, other, same}) == 2
    assert holding.take(one) == b"one"
    holding.close()


def test_what_was_taken_makes_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pack_buffer, "_IN_MEMORY", 1000)
    holding = PackBuffer(LocalStore(tmp_path))
    before = len(os.listdir("/dev/fd"))
    for _ in range(20):
        payload = os.urandom(900)
        assert holding.take(holding.put(payload)) == payload
    assert len(os.listdir("/dev/fd")) == before
    holding.close()


def test_nothing_stays(holding: PackBuffer, tmp_path: Path) -> None:
    before = len(os.listdir("/dev/fd"))
    for _ in range(10):
        holding.put(os.urandom(1000))
    holding.close()
    assert len(os.listdir("/dev/fd")) == before
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_args: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(pack_buffer, "_IN_MEMORY", 0)
    monkeypatch.setattr(os, "pwrite", full)
    holding = PackBuffer(LocalStore(tmp_path))
    with pytest.raises(ThetaError, match="free some disk space"):
        holding.put(b"payload")
    holding.close()
