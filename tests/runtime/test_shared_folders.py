from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from git_theta.runtime.shared_folders import make_folders
from git_theta.store.partial_download import locked_download
from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.repo import Repo
from tests.helpers.small_models import NAME, A

#: Values that a merge can't combine.
ONE, TWO = np.full(8, 1), np.full(8, 2)


@pytest.fixture(autouse=True)
def umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def permissions(path: Path) -> int:
    return path.stat().st_mode & 0o7777


def test_folders_get_the_permissions_of_a_shared_one(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared").chmod(0o2770)
    make_folders(tmp_path / "shared" / "a" / "b")
    make_folders(tmp_path / "shared" / "a" / "b")
    assert permissions(tmp_path / "shared" / "a") == permissions(tmp_path / "shared" / "a" / "b") == 0o2770


def test_other_folders_have_those_of_the_umask(tmp_path: Path) -> None:
    make_folders(tmp_path / "a" / "b")
    assert permissions(tmp_path / "a" / "b") == 0o755


def test_a_file_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    with pytest.raises(OSError, match="exists"):
        make_folders(tmp_path / "a")


def test_the_store_of_a_shared_repository(tmp_path: Path) -> None:
    """All folders are for the group, and so is the cache."""
    subprocess.run(["git", "init", "-q", "--shared=group", tmp_path / "r"], check=True)
    repo = Repo(tmp_path / "r")
    repo.theta("track", "*.safetensors")
    repo.write(NAME, A)
    repo.commit()
    repo.git("status")
    theta = repo.path / ".git" / "theta"
    folders = [theta, *(path for path in theta.rglob("*") if path.is_dir())]
    assert [path for path in folders if permissions(path) & 0o2070 != 0o2070] == []
    assert permissions(theta / "cache.sqlite") & 0o660 == 0o660


@pytest.mark.parametrize("mask", [0o022, 0o077])
def test_everything_of_a_shared_repository_is_the_groups(repo: Repo, mask: int) -> None:
    """Also what is there for a while: records of conflicts, partial downloads."""
    git_folder = repo.path / ".git"
    repo.git("config", "core.sharedRepository", "group")
    for folder in (git_folder, *(path for path in git_folder.rglob("*") if path.is_dir())):
        folder.chmod(0o2770)
    os.umask(mask)
    repo.write(NAME, A)
    repo.commit()
    for branch, data in (("theirs", safetensors_bytes({"w": ONE})), ("ours", safetensors_bytes({"w": TWO}))):
        repo.git("checkout", "-q", "-b", branch, "main")
        repo.write(NAME, data)
        repo.commit(branch)
    repo.git("merge", "theirs", ok=False)
    with locked_download(git_folder / "theta" / "tmp" / "incoming" / "download", lambda _: None) as file:
        file.write(b"some of it")
    found = [*(git_folder / "theta").rglob("*")]
    assert any(path.suffix == ".json" for path in found)
    for path in found:
        writable = path.is_dir() or "objects" not in path.parts
        assert permissions(path) & 0o070 == (0o070 if path.is_dir() else 0o060 if writable else 0o040), path


def test_objects_are_as_private_as_their_folder(repo: Repo) -> None:
    os.umask(0o077)
    repo.write(NAME, A)
    repo.commit()
    assert {permissions(path) for path in repo.objects} == {0o400}
