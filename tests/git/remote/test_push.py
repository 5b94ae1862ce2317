"""The steps of a push, with a remote in memory; tests/e2e/test_push.py has the same with the real Git."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest

from git_theta.errors import MissingObjectError, UsageError
from git_theta.git.plumbing.command import Git
from git_theta.git.remote.dry_run import sizes_to_send
from git_theta.git.remote.lfs_ref import REF
from git_theta.git.remote.push import push_updates, send_objects
from git_theta.git.remote.ref_updates import RefUpdate, pushed_manifests
from git_theta.git.repository.manifest_walk import ManifestBlob
from git_theta.git.repository.repository import Repository
from git_theta.store.remote import Advance, Download, RemoteObject, TransferError, Upload
from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.repo import Repo

NAME = "m.safetensors"


@dataclass
class Memory:
    """A remote in memory, which may refuse every upload."""

    objects: dict[str, bytes] = field(default_factory=dict)
    refuses: bool = False
    url: str = "memory://"
    batch_size: int = 10

    def uploads(self, objects: Sequence[RemoteObject]) -> Mapping[str, Upload]:
        return {each.oid: partial(self._upload, each.oid) for each in objects if each.oid not in self.objects}

    def downloads(self, objects: Sequence[RemoteObject]) -> Mapping[str, Download]:
        return {each.oid: lambda *_: None for each in objects if each.oid in self.objects}

    def _upload(self, oid: str, file: BinaryIO, advance: Advance) -> None:
        if self.refuses:
            raise TransferError("no", "ask for permission")
        self.objects[oid] = file.read()


@pytest.fixture
def repository(repo: Repo) -> Repository:
    """A repository with a commit of one checkpoint, whose value is one object."""
    values = np.random.default_rng(0).standard_normal((50, 60)).astype("f4")
    repo.write(NAME, safetensors_bytes({"w": values}))
    repo.commit("one")
    return Repository(Git(repo.path))


def head(repository: Repository) -> RefUpdate:
    return RefUpdate(repository.git.line("rev-parse", "HEAD"), "", "refs/heads/main")


def versions(repository: Repository) -> list[ManifestBlob]:
    return list(pushed_manifests(repository.git, "origin", "url", [head(repository)]).values())


def stored(repository: Repository) -> set[str]:
    return {oid for oid, _ in repository.store.list()}


def test_objects_are_sent_once(repository: Repository) -> None:
    remote = Memory()
    done = send_objects(repository, remote, "url", versions(repository))
    assert done is not None
    assert (done.count, done.present) == (1, 0)
    assert set(remote.objects) == stored(repository)
    done = send_objects(repository, remote, "url", versions(repository))
    assert done is not None
    assert (done.count, done.present) == (0, 1)


def test_without_manifests_there_is_nothing_to_send(repository: Repository) -> None:
    assert send_objects(repository, Memory(), "url", []) is None


def test_an_object_that_only_the_remote_has_is_enough(repository: Repository) -> None:
    remote = Memory()
    send_objects(repository, remote, "url", versions(repository))
    for oid in stored(repository):
        repository.store.path(oid).unlink()
    done = send_objects(repository, remote, "url", versions(repository))
    assert done is not None
    assert done.count == 0


def test_an_object_that_nobody_has_stops_the_push(repository: Repository) -> None:
    (oid,) = stored(repository)
    repository.store.path(oid).unlink()
    with pytest.raises(MissingObjectError, match=f"1 of 1 objects .* neither here nor at memory://.*{oid}"):
        send_objects(repository, Memory(), "url", versions(repository))


def test_an_upload_that_fails_stops_the_push(repository: Repository) -> None:
    with pytest.raises(TransferError, match="1 of 1 objects couldn't be sent to memory://") as caught:
        send_objects(repository, Memory(refuses=True), "url", versions(repository))
    assert caught.value.hint == "ask for permission"


def test_a_push_that_would_delete_the_pointers_is_refused(repository: Repository, repo: Repo) -> None:
    deletion = RefUpdate("", "1" * 40, REF)
    with pytest.raises(UsageError, match="would delete refs/theta/objects at https://h/a"):
        push_updates(repository, "origin", "https://me:secret@h/a", [deletion])
    repo.git("config", "theta.pointers", "false")
    assert push_updates(Repository(Git(repo.path)), "origin", "https://me:secret@h/a", [deletion]) is None


def test_a_dry_run_counts_and_sends_nothing(repository: Repository, repo: Repo, tmp_path: Path) -> None:
    repo.git("init", "-q", "--bare", str(tmp_path / "bare.git"))
    repo.git("remote", "add", "origin", str(tmp_path / "bare.git"))
    repo.git("config", "theta.remote.origin.url", str(tmp_path / "objects"))
    made, place = Repository(Git(repo.path)), str(tmp_path / "bare.git")
    sizes = sizes_to_send(made, "origin", place, [head(made)])
    assert sizes == [made.store.size(oid) for oid in stored(made)]
    assert not (tmp_path / "objects").exists()
    assert push_updates(made, "origin", place, [head(made)]) is not None
    assert sizes_to_send(made, "origin", place, [head(made)]) == []
