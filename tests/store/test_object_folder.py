"""Objects of one folder: named by their bytes, whole or not at all."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from git_theta.errors import CorruptError, MissingObjectError, ThetaError
from git_theta.store import object_folder
from git_theta.store.object_folder import ObjectFolder


@pytest.fixture
def store(tmp_path: Path) -> ObjectFolder:
    return ObjectFolder(tmp_path / "theta")


def test_an_object_is_named_by_its_sha256(store: ObjectFolder) -> None:
    oid = store.put([b"ab", b"c"])
    assert oid == hashlib.sha256(b"abc").hexdigest()
    assert store.has(oid)
    assert bytes(store.get(oid)) == b"abc"
    assert list(store.list()) == [(oid, 3)]
    assert store.path(oid).stat().st_mode & 0o777 == 0o444


def test_the_empty_object(store: ObjectFolder) -> None:
    assert bytes(store.get(store.put([]))) == b""


@pytest.mark.parametrize("limit", [0, 1 << 20])
def test_a_part_of_an_object(store: ObjectFolder, monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    monkeypatch.setattr(object_folder, "_READ_BELOW", limit)
    oid = store.put([b"abcdef"])
    ranges = [(0, 6), (2, 3), (0, 0), (6, 1), (4, 10), (100, 10), (1 << 70, 10), (0, 1 << 70)]
    parts = [bytes(store.part(oid, offset, length)) for offset, length in ranges]
    assert parts == [b"abcdef", b"cde", b"", b"", b"ef", b"", b"", b"abcdef"]
    with pytest.raises(MissingObjectError):
        store.part("a" * 64, 0, 1)


def test_storing_twice_leaves_one_file(store: ObjectFolder) -> None:
    assert store.put([b"x"]) == store.put([b"x"])
    assert len(list(store.list())) == 1
    assert list(store.tmp.iterdir()) == []


def test_many_threads_store_the_same(store: ObjectFolder) -> None:
    with ThreadPoolExecutor(8) as pool:
        oids = set(pool.map(lambda _: store.put([b"x" * 100_000]), range(50)))
    assert len(oids) == 1
    store.verify(oids.pop())


def test_a_failure_leaves_nothing(store: ObjectFolder) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"x" * 1_000_000
        raise RuntimeError("boom")

    with pytest.raises(RuntimeError):
        store.put(pieces())
    assert list(store.tmp.iterdir()) == []
    assert list(store.list()) == []


def test_a_missing_object_is_named(store: ObjectFolder) -> None:
    with pytest.raises(MissingObjectError, match="a" * 64):
        store.get("a" * 64)


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "A" * 64, "a" * 63, "a" * 64 + "\n"])
def test_a_name_cannot_leave_the_store(store: ObjectFolder, name: str) -> None:
    with pytest.raises(ValueError, match="isn't an object name"):
        store.path(name)


def test_verify_finds_damage(store: ObjectFolder) -> None:
    oid = store.put([b"abc"])
    path = store.path(oid)
    path.chmod(0o644)
    path.write_bytes(b"abd")
    with pytest.raises(CorruptError, match=oid):
        store.verify(oid)


def test_a_full_disk_is_one_clear_error(store: ObjectFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ThetaError, match="No space left") as caught:
        store.put([b"x"])
    assert "free some disk space" in caught.value.hint
    assert list(store.tmp.iterdir()) == []


def test_storing_again_replaces_a_truncated_object(store: ObjectFolder) -> None:
    oid = store.put([b"whole"])
    store.path(oid).chmod(0o644)
    os.truncate(store.path(oid), 3)
    assert store.put([b"whole"]) == oid
    store.verify(oid)
    assert store.path(oid).stat().st_mode & 0o777 == 0o444


def test_an_object_replaces_what_is_no_regular_file(tmp_path: Path) -> None:
    store = ObjectFolder(tmp_path)
    oid = store.put([b"x"])
    store.path(oid).unlink()
    os.mkfifo(store.path(oid))
    store.put([b"x"])
    store.verify(oid)
