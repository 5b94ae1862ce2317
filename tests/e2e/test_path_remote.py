"""Remotes that are paths: their objects can be read at once, and stay here only once they are taken."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.repo import Repo

NAME = "m.safetensors"
#: Their objects have nothing in common.
FIRST, SECOND = (
    safetensors_bytes({f"w{seed}": np.random.default_rng(seed).standard_normal((40, 50)).astype("f4")})
    for seed in (1, 2)
)


@pytest.fixture
def hub(repo: Repo) -> Repo:
    """A repository with two versions of a file."""
    for data in (FIRST, SECOND):
        repo.write(NAME, data)
        repo.commit()
    return repo


def cloned(hub: Repo, path: Path, *options: str) -> Repo:
    hub.git("clone", "-q", *options, str(hub.path), str(path))
    return Repo(path)


def stored(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("objects/??/??/*")}


def names(repo: Repo) -> set[str]:
    return stored(repo.path / ".git" / "theta")


def test_a_fetch_brings_all_objects_of_a_clone(hub: Repo, tmp_path: Path) -> None:
    clone = cloned(hub, tmp_path / "clone")
    assert names(clone) < names(hub)
    assert "fetched 1 object" in clone.theta("fetch", "--all")
    assert "Nothing to do." in clone.theta("fetch", "--all")
    assert names(clone) == names(hub)
    hub.path.rename(tmp_path / "unplugged")
    clone.git("checkout", "-q", "HEAD~1")
    assert clone.read(NAME) == FIRST


def test_a_fetch_from_a_remote_by_name(hub: Repo, tmp_path: Path) -> None:
    clone = cloned(hub, tmp_path / "clone")
    assert "fetched 1 object" in clone.theta("fetch", "--all", "--remote", "origin")
    assert names(clone) == names(hub)


def test_a_mirror_is_a_backup(hub: Repo, tmp_path: Path) -> None:
    mirror = cloned(hub, tmp_path / "mirror", "--mirror")
    assert "fetched 2 objects" in mirror.theta("fetch", "--all")
    hub.path.rename(tmp_path / "lost")
    assert len(stored(mirror.path / "theta")) == 2
    again = cloned(mirror, tmp_path / "again")
    assert again.read(NAME) == SECOND


def test_a_fetch_brings_back_what_was_pruned(hub: Repo, tmp_path: Path) -> None:
    hub.git("init", "-q", "--bare", str(tmp_path / "disk.git"))
    hub.git("remote", "add", "origin", str(tmp_path / "disk.git"))
    hub.git("push", "-q", "-u", "origin", "main")
    hub.git("reflog", "expire", "--expire=now", "--all")
    everything = names(hub)
    for path in hub.objects:
        os.utime(path, (0, 0))
    hub.theta("prune", "--recent", "0")
    assert names(hub) < everything
    hub.theta("fetch", "--all")
    assert names(hub) == everything


@pytest.mark.parametrize(
    ("options", "env"), [(["-c", "theta.fetch=lazy"], {}), ([], {"GIT_THETA_SKIP_SMUDGE": "1"})]
)
def test_a_lazy_clone_of_a_path_has_manifests(
    hub: Repo, tmp_path: Path, options: list[str], env: dict[str, str]
) -> None:
    clone = Repo(tmp_path / "clone")
    hub.git("clone", "-q", *options, str(hub.path), str(clone.path), env=env)
    assert clone.read(NAME).startswith(b"git-theta manifest")
    assert names(clone) == set()
    assert clone.status() == ""
    clone.theta("pull")
    assert clone.read(NAME) == SECOND


@pytest.mark.parametrize("options", [["--shared"], ["--reference", "../repo"]])
def test_objects_of_a_reference_are_read_and_not_kept(hub: Repo, tmp_path: Path, options: list[str]) -> None:
    options = [str(hub.path) if word.startswith("..") else word for word in options]
    clone = cloned(hub, tmp_path / "clone", "-n", *options)
    clone.git("remote", "remove", "origin")
    told = clone.theta("fsck")
    assert "0 objects" in told
    assert "2 objects are only in another repository on this machine" in told
    assert "Only in another repository on this machine: " in clone.theta("du")
    clone.git("reset", "-q")
    assert "1 object is only in another repository on this machine" in clone.theta("status")
    assert f"reads also = {hub.path.resolve()}/.git/theta" in clone.theta("env")
    assert not names(clone)
    clone.git("checkout", "-q", "--detach", "main~1")
    assert clone.read(NAME) == FIRST
    assert len(names(clone)) == 1
    assert "fetched 1 object" in clone.theta("fetch", "--all")
    assert names(clone) == names(hub)
    for command in ("fsck", "du", "status"):
        assert "only in another" not in clone.theta(command).lower()


def test_a_clone_that_gives_its_reference_up(hub: Repo, tmp_path: Path) -> None:
    clone = cloned(hub, tmp_path / "clone", "--reference", str(hub.path), "--dissociate")
    hub.path.rename(tmp_path / "unplugged")
    clone.path.joinpath(NAME).unlink()
    clone.git("checkout", "-q", "--", NAME)
    assert clone.read(NAME) == SECOND
