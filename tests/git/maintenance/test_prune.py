"""Races with other commands, and the questions to the remote; `tests/e2e/test_prune.py` has the rest."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from git_theta.errors import ThetaError, UsageError
from git_theta.git.maintenance import prune as module
from git_theta.git.maintenance.prune import PruneOptions, objects_at_remote, prune
from git_theta.git.maintenance.reachability import NeededObjects, find_needed_objects
from git_theta.git.maintenance.retention import Fate, list_objects
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.repository import Repository
from git_theta.store.folder import FolderRemote
from git_theta.store.local import LocalStore
from git_theta.store.remote import Download, RemoteObject, Upload
from tests.helpers.needed_objects import write_manifest
from tests.helpers.repo import Repo


class Listing:
    """A remote that has some objects, and counts questions."""

    url, batch_size = "listing", 2

    def __init__(self, names: Sequence[str]) -> None:
        self.names = set(names)
        self.asked: list[int] = []

    def uploads(self, objects: Sequence[RemoteObject]) -> Mapping[str, Upload]:
        raise AssertionError

    def downloads(self, objects: Sequence[RemoteObject]) -> Mapping[str, Download]:
        self.asked.append(len(objects))
        assert all(wanted.size is not None for wanted in objects)
        return {wanted.oid: lambda *_: None for wanted in objects if wanted.oid in self.names}


def test_the_remote_is_asked_in_batches(tmp_path: Path) -> None:
    store, remote = LocalStore(tmp_path / "theta"), Listing("abc")
    assert objects_at_remote(remote, [RemoteObject(oid, 1) for oid in "abcde"], store) == set("abc")
    assert remote.asked == [2, 2, 2]
    assert list_objects(store) == []
    assert objects_at_remote(remote, [], store) == set()


@pytest.mark.parametrize("link", [False, True])
def test_a_remote_that_is_the_store_itself_does_not_count(tmp_path: Path, link: bool) -> None:
    store = LocalStore(tmp_path / "theta")
    oid = store.put([b"one"])
    place = store.root
    if link:
        place = tmp_path / "elsewhere"
        place.mkdir()
        (place / "objects").symlink_to(store.root / "objects")
    with pytest.raises(UsageError, match="own store"):
        objects_at_remote(FolderRemote(place), [RemoteObject(oid, 3)], store)
    assert [item.oid for item in list_objects(store)] == [oid]


@pytest.mark.parametrize("name", ["index.lock", "index.stash.123.lock", "next-index-123.lock"])
def test_the_lock_of_an_index_stops_a_prune(repo: Repo, name: str) -> None:
    repository = Repository(Git(repo.path))
    oid = repository.store.put([b"old"])
    lock = repo.path / ".git" / name
    lock.touch()
    with pytest.raises(ThetaError, match=re.escape(name)):
        prune(repository, PruneOptions("", 0, lock_timeout=0))
    lock.unlink()
    assert repository.store.has(oid)


def old_object(repository: Repository) -> str:
    oid = repository.store.put([b"old"])
    os.utime(repository.store.path(oid), (0, 0))
    return oid


def test_an_object_that_is_added_meanwhile_stays(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = Repository(Git(repo.path))
    oid = old_object(repository)
    waits: list[Path] = []

    def add_meanwhile(folder: Path, timeout: float) -> None:
        waits.append(folder)
        if len(waits) == 2:
            assert not repository.store.has(oid)
            blob = write_manifest(repo, oid=oid)
            repo.git("update-index", "--add", "--cacheinfo", f"100644,{blob},m.safetensors")

    monkeypatch.setattr(module, "_wait_for_index_locks", add_meanwhile)
    done = prune(repository, PruneOptions("", 0))
    assert [fate for _, fate in done.kept] == [Fate.IN_USE]
    assert done.deleted == ()
    repository.store.verify(oid)


def test_an_object_that_is_reused_meanwhile_stays(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = Repository(Git(repo.path))
    oid = old_object(repository)

    def claim_meanwhile(*args: Any) -> NeededObjects:
        repository.store.claim(oid)
        return find_needed_objects(*args)

    monkeypatch.setattr(module, "find_needed_objects", claim_meanwhile)
    done = prune(repository, PruneOptions("", 0))
    assert [fate for _, fate in done.kept] == [Fate.JUST_WRITTEN]
    assert repository.store.has(oid)


def test_objects_that_a_killed_prune_left_in_quarantine_count(repo: Repo) -> None:
    repository = Repository(Git(repo.path))
    oid = old_object(repository)
    repository.store.quarantine_folder.mkdir()
    repository.store.path(oid).rename(repository.store.quarantine_folder / oid)
    assert [item.oid for item, _ in prune(repository, PruneOptions("", 0, dry_run=True)).deleted] == [oid]


def test_an_interrupt_deletes_nothing(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = Repository(Git(repo.path))
    oid = old_object(repository)
    waits: list[Path] = []

    def interrupt(folder: Path, timeout: float) -> None:
        waits.append(folder)
        if len(waits) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(module, "_wait_for_index_locks", interrupt)
    with pytest.raises(KeyboardInterrupt):
        prune(repository, PruneOptions("", 0))
    assert repository.store.has(oid)
    monkeypatch.undo()
    assert prune(repository, PruneOptions("", 0)).unneeded == {Fate.UNNAMED: 1}
    assert not repository.store.has(oid)
