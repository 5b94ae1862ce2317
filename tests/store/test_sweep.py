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
    old, new = store.tmp / "tmpabcd_012", store.tmp / "tmp12345678"
    old.touch()
    new.touch()
    os.utime(old, (time.time() - 100_000,) * 2)
    assert store.sweep() == 1
    assert [path.name for path in store.tmp.iterdir()] == ["tmp12345678"]


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


@pytest.mark.parametrize(
    "name", ["tmpabcd_012", f".git-theta-{'0' * 16}", "a" * 64, f"{'a' * 64}.{'0' * 16}", f"ssh.{'0' * 16}"]
)
def test_sweep_removes_all_kinds_of_temporary_files(store: LocalStore, name: str) -> None:
    store.tmp.mkdir(parents=True)
    (store.tmp / name).touch()
    os.utime(store.tmp / name, (0, 0))
    assert store.sweep() == 1


def test_sweep_leaves_files_of_others(store: LocalStore) -> None:
    store.tmp.mkdir(parents=True)
    for name in ("thesis.tex", "tmp", "tmpABCDEFGH", "a" * 63):
        (store.tmp / name).touch()
        os.utime(store.tmp / name, (0, 0))
    assert store.sweep() == 0
    assert len(list(store.tmp.iterdir())) == 4


@pytest.mark.parametrize("place", ["tmp", "incoming"])
def test_sweep_follows_no_link(store: LocalStore, tmp_path: Path, place: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "tmpabcd_012").touch()
    (elsewhere / ("a" * 64)).touch()
    (elsewhere / "incoming").mkdir()
    (elsewhere / "incoming" / ("a" * 64)).touch()
    for path in elsewhere.rglob("*"):
        os.utime(path, (0, 0))
    link = {"tmp": store.tmp, "incoming": store.incoming}[place]
    link.parent.mkdir(parents=True)
    link.symlink_to(elsewhere)
    assert store.sweep() == 0
    assert len(list(elsewhere.rglob("*"))) == 4


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
