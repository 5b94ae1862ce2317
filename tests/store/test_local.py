"""The local store and its neighbours."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from git_theta.errors import MissingObjectError, ThetaError
from git_theta.store.local import LocalStore


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "theta")


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
