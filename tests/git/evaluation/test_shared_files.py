"""Files that several copies of models have."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from git_theta.encoding.many_values import read_values
from git_theta.git.evaluation.shared_files import SharedFiles
from git_theta.git.lineage.tree import LineageTree
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.repository import Repository
from git_theta.model.manifest import Entry, Manifest
from git_theta.smudge import Smudger
from git_theta.store.local import LocalStore
from tests.helpers.lineage_models import BASE, MNLI, SST, weights
from tests.helpers.repo import Repo


class CountedSmudger:
    """Counts the values that are read from the store."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.names: list[str] = []

        def counted(entries: Iterable[Entry], store: LocalStore) -> Iterator[Iterator[memoryview]]:
            listed = list(entries)
            self.names += [entry.name for entry in listed]
            return read_values(listed, store)

        monkeypatch.setattr("git_theta.smudge.read_values", counted)


@pytest.fixture
def manifests(repo: Repo) -> dict[str, Manifest]:
    repo.write(BASE, weights())
    repo.write(SST, weights(1))
    repo.write(MNLI, weights())
    repo.git("add", "-A")
    with LineageTree(Repository(Git(repo.path))) as tree:
        return {name: tree.manifests(name)[0] for name in (BASE, SST, MNLI)}


@pytest.fixture
def files(repo: Repo, tmp_path: Path) -> SharedFiles:
    (tmp_path / "files").mkdir()
    return SharedFiles(tmp_path / "files", Smudger(Repository(Git(repo.path)).store))


def test_equal_files_are_written_once_and_similar_ones_in_part(
    files: SharedFiles, manifests: dict[str, Manifest], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = CountedSmudger(monkeypatch)
    files.put(manifests[BASE], tmp_path / "base")
    files.put(manifests[SST], tmp_path / "sst")
    files.put(manifests[MNLI], tmp_path / "mnli")
    assert sorted(read.names) == sorted([f"l.{number}" for number in range(4)] + ["l.1"])
    assert (tmp_path / "base").read_bytes() == (tmp_path / "mnli").read_bytes() == weights()
    assert (tmp_path / "sst").read_bytes() == weights(1)
    assert all((tmp_path / name).stat().st_mode & 0o222 == 0 for name in ("base", "sst", "mnli"))


def test_a_file_that_a_command_changed_is_written_anew(
    files: SharedFiles, manifests: dict[str, Manifest], tmp_path: Path
) -> None:
    files.put(manifests[BASE], tmp_path / "base")
    for place in (tmp_path / "base", *(tmp_path / "files").iterdir()):
        place.chmod(0o600)
        place.write_bytes(b"x" * len(weights()))
    files.put(manifests[MNLI], tmp_path / "mnli")
    files.put(manifests[SST], tmp_path / "sst")
    assert (tmp_path / "mnli").read_bytes() == weights()
    assert (tmp_path / "sst").read_bytes() == weights(1)


def test_files_that_nobody_needs_are_removed(
    files: SharedFiles, repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(6):
        repo.write(f"{number}.safetensors", weights(*[0] * number))
    repo.git("add", "-A")
    with LineageTree(Repository(Git(repo.path))) as tree:
        several = [tree.manifests(f"{number}.safetensors")[0] for number in range(6)]
    files.expect([several[0], several[0]])
    for number, manifest in enumerate(several):
        files.put(manifest, tmp_path / str(number))
    assert len([*(tmp_path / "files").iterdir()]) == 3, "one that is expected, and two spares"
    read = CountedSmudger(monkeypatch)
    files.put(several[0], tmp_path / "again")
    assert read.names == []
    assert len([*(tmp_path / "files").iterdir()]) == 2
    assert (tmp_path / "again").read_bytes() == (tmp_path / "0").read_bytes() == weights()


def test_without_links_there_are_copies(
    files: SharedFiles, manifests: dict[str, Manifest], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_args: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "link", refused)
    files.put(manifests[BASE], tmp_path / "base")
    (tmp_path / "base").chmod(0o600)
    (tmp_path / "base").write_bytes(b"")
    files.put(manifests[BASE], tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == weights()


def test_a_full_disk_costs_the_spares_first(
    files: SharedFiles, manifests: dict[str, Manifest], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.put(manifests[BASE], tmp_path / "base")
    real, calls = os.posix_fallocate, []

    def full_once(handle: int, start: int, size: int) -> None:
        calls.append(size)
        if len(calls) == 1:
            raise OSError(28, "No space left on device")
        real(handle, start, size)

    monkeypatch.setattr(os, "posix_fallocate", full_once)
    files.put(manifests[SST], tmp_path / "sst")
    assert (tmp_path / "sst").read_bytes() == weights(1)
    assert len([*(tmp_path / "files").iterdir()]) == 1
