from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from git_theta.store.local import LocalStore


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "theta")


def test_sweep_removes_only_old_files(store: LocalStore) -> None:
    store.put([b"x"])
    old, new = store.tmp / "old", store.tmp / "new"
    old.touch()
    new.touch()
    os.utime(old, (time.time() - 100_000,) * 2)
    assert store.sweep() == 1
    assert [path.name for path in store.tmp.iterdir()] == ["new"]


def test_sweep_removes_folders_that_killed_commands_left(store: LocalStore) -> None:
    old, recent, aside = store.tmp / "migrate-old", store.tmp / "migrate-recent", store.tmp / "aside"
    for folder in (old, recent, aside):
        folder.mkdir(parents=True)
        (folder / "pack").touch()
        os.utime(folder, (0, 0))
    for folder in (old, aside):
        os.utime(folder / "pack", (0, 0))
    assert store.sweep() == 1
    assert sorted(path.name for path in store.tmp.iterdir()) == ["aside", "migrate-recent"]


def test_sweep_leaves_folders_that_it_does_not_know(store: LocalStore) -> None:
    folder = store.tmp / "of-another-kind"
    folder.mkdir(parents=True)
    os.utime(folder, (0, 0))
    assert store.sweep() == 0
    assert folder.exists()


def test_partial_downloads_are_kept_longer_than_other_files(store: LocalStore) -> None:
    store.incoming.mkdir(parents=True)
    path = store.incoming / ("a" * 64)
    path.write_bytes(b"x")
    for days, removed in ((3, 0), (30, 1)):
        moment = path.stat().st_mtime - days * 86400
        os.utime(path, (moment, moment))
        assert store.sweep() == removed
