from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from git_theta.errors import CorruptError, MissingObjectError, ThetaError
from git_theta.store import local
from git_theta.store.local import LocalStore


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "theta")


def test_an_object_is_named_by_its_sha256(store: LocalStore) -> None:
    oid = store.put([b"ab", b"c"])
    assert oid == hashlib.sha256(b"abc").hexdigest()
    assert store.has(oid)
    assert bytes(store.get(oid)) == b"abc"
    assert list(store.list()) == [(oid, 3)]
    assert store.path(oid).stat().st_mode & 0o777 == 0o444


def test_the_empty_object(store: LocalStore) -> None:
    assert bytes(store.get(store.put([]))) == b""


@pytest.mark.parametrize("limit", [0, 1 << 20])
def test_a_part_of_an_object(store: LocalStore, monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    monkeypatch.setattr(local, "_READ_BELOW", limit)
    oid = store.put([b"abcdef"])
    ranges = [(0, 6), (2, 3), (0, 0), (6, 1), (4, 10), (100, 10), (1 << 70, 10), (0, 1 << 70)]
    parts = [bytes(store.part(oid, offset, length)) for offset, length in ranges]
    assert parts == [b"abcdef", b"cde", b"", b"", b"ef", b"", b"", b"abcdef"]
    with pytest.raises(MissingObjectError):
        store.part("a" * 64, 0, 1)


def test_storing_twice_leaves_one_file(store: LocalStore) -> None:
    assert store.put([b"x"]) == store.put([b"x"])
    assert len(list(store.list())) == 1
    assert list(store.tmp.iterdir()) == []


def test_many_threads_store_the_same(store: LocalStore) -> None:
    with ThreadPoolExecutor(8) as pool:
        oids = set(pool.map(lambda _: store.put([b"x" * 100_000]), range(50)))
    assert len(oids) == 1
    store.verify(oids.pop())


def test_a_failure_leaves_nothing(store: LocalStore) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"x" * 1_000_000
        raise RuntimeError("boom")

    with pytest.raises(RuntimeError):
        store.put(pieces())
    assert list(store.tmp.iterdir()) == []
    assert list(store.list()) == []


def test_a_missing_object_is_named(store: LocalStore) -> None:
    with pytest.raises(MissingObjectError, match="a" * 64):
        store.get("a" * 64)


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "A" * 64, "a" * 63, "a" * 64 + "\n"])
def test_a_name_cannot_leave_the_store(store: LocalStore, name: str) -> None:
    with pytest.raises(ValueError, match="isn't an object name"):
        store.path(name)


def test_verify_finds_damage(store: LocalStore) -> None:
    oid = store.put([b"abc"])
    path = store.path(oid)
    path.chmod(0o644)
    path.write_bytes(b"abd")
    with pytest.raises(CorruptError, match=oid):
        store.verify(oid)


def test_a_full_disk_is_one_clear_error(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ThetaError, match="No space left") as caught:
        store.put([b"x"])
    assert "free some disk space" in caught.value.hint
    assert list(store.tmp.iterdir()) == []


def test_storing_again_replaces_a_truncated_object(store: LocalStore) -> None:
    oid = store.put([b"whole"])
    store.path(oid).chmod(0o644)
    os.truncate(store.path(oid), 3)
    assert store.put([b"whole"]) == oid
    store.verify(oid)
    assert store.path(oid).stat().st_mode & 0o777 == 0o444


def test_a_claimed_object_counts_as_new(store: LocalStore) -> None:
    oid = store.put([b"x"])
    hour = 3600
    for age, renewed in ((2 * hour, True), (hour / 2, False)):
        before = time.time() - age
        os.utime(store.path(oid), (before, before))
        assert store.claim(oid)
        assert (store.path(oid).stat().st_mtime > before + 1) == renewed
    assert not store.claim("a" * 64)


def test_an_object_of_a_neighbour_is_claimed_there(store: LocalStore, tmp_path: Path) -> None:
    oid = store.put([b"x"])
    os.utime(store.path(oid), (0, 0))
    assert LocalStore(tmp_path / "clone", (store.root,)).claim(oid)
    assert store.path(oid).stat().st_mtime > 0


def test_an_object_of_a_neighbour_can_be_read_and_is_kept_once_it_is_taken(
    store: LocalStore, tmp_path: Path
) -> None:
    oid = store.put([b"x"])
    clone = LocalStore(tmp_path / "clone", (tmp_path / "nothing", store.root))
    assert clone.has(oid)
    assert not clone.keeps(oid)
    assert not clone.alone.has(oid)
    assert clone.take(oid)
    assert clone.keeps(oid)
    store.path(oid).unlink()
    clone.alone.verify(oid)
    assert not clone.take("0" * 64)


def test_a_damaged_object_is_not_taken(store: LocalStore, tmp_path: Path) -> None:
    oid = store.put([b"x"])
    store.path(oid).unlink()
    store.path(oid).write_bytes(b"y")
    clone = LocalStore(tmp_path / "clone", (store.root,))
    assert not clone.take(oid)
    assert not clone.keeps(oid)


def test_a_claimed_object_is_kept(store: LocalStore, tmp_path: Path) -> None:
    oid = store.put([b"x"])
    clone = LocalStore(tmp_path / "clone", (store.root,))
    assert clone.claim(oid)
    assert clone.keeps(oid)


def test_an_object_that_is_quarantined_while_it_is_claimed_is_missing(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    oid = store.put([b"x"])
    os.utime(store.path(oid), (0, 0))
    with monkeypatch.context() as patch:
        patch.setattr(os, "utime", _quarantined)
        assert not store.claim(oid)
    store.put([b"x"])
    os.utime(store.path(oid), (0, 0))
    with monkeypatch.context() as patch:
        patch.setattr(os, "utime", _quarantined)
        store.put([b"x"])
    store.verify(oid)


def _quarantined(path: Path) -> None:
    path.unlink()
    raise FileNotFoundError(path)


NOT_FILES = [
    os.mkfifo,
    os.mkdir,
    lambda path: path.symlink_to("/dev/zero"),
    lambda path: path.symlink_to(path),
]


@pytest.mark.parametrize("make", NOT_FILES)
def test_an_object_that_is_no_regular_file_is_not_there(
    tmp_path: Path, make: Callable[[Path], object]
) -> None:
    neighbour = LocalStore(tmp_path / "neighbour")
    oid = neighbour.put([b"x" * 100])
    neighbour.path(oid).unlink()
    make(neighbour.path(oid))
    for store in (neighbour, LocalStore(tmp_path / "own", (neighbour.root,))):
        assert not store.has(oid)
        assert not store.claim(oid)
        assert store.size(oid) is None
        assert list(store.list()) == []
        for read in (store.get, store.open, store.verify, lambda oid, store=store: store.part(oid, 0, 10)):
            with pytest.raises((ThetaError, OSError)):
                read(oid)


def test_an_object_replaces_what_is_no_regular_file(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    oid = store.put([b"x"])
    store.path(oid).unlink()
    os.mkfifo(store.path(oid))
    store.put([b"x"])
    store.verify(oid)


def test_an_object_is_read_where_a_neighbour_has_it(store: LocalStore, tmp_path: Path) -> None:
    oid = store.put([b"object"])
    clone = LocalStore(tmp_path / "clone", (store.root,)).in_place
    assert clone.get(oid) == b"object"
    assert clone.part(oid, 1, 2) == b"bj"
    with clone.open(oid) as file:
        assert file.read() == b"object"
    assert not clone.root.exists()
    with pytest.raises(MissingObjectError):
        clone.get("0" * 64)


def test_an_object_is_read_at_a_neighbour_when_the_disk_is_full(
    store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_args: object) -> None:
        raise OSError(28, "No space left on device")

    oid = store.put([b"object"])
    clone = LocalStore(tmp_path / "clone", (store.root,))
    for call in ("link", "fsync"):
        monkeypatch.setattr(os, call, full)
    assert clone.get(oid) == b"object"
    assert not clone.keeps(oid)
    with pytest.raises(MissingObjectError):
        clone.get("0" * 64)
