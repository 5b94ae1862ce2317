"""`git theta checkout` writes files that are still manifests, and no others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.repo import Repo

A = safetensors_bytes({"w": np.arange(600, dtype=np.float32)})
NAMES = ("top.safetensors", "sub dir/größe.safetensors", "sub dir/-dash.safetensors")


@pytest.fixture(scope="module")
def original(tracked: Repo, tmp_path_factory: pytest.TempPathFactory) -> Repo:
    """Checkpoints that are manifests in the work tree, as a killed filter leaves them."""
    repo = tracked.copy(tmp_path_factory.mktemp("original") / "repo")
    for name in NAMES:
        repo.write(name, A)
    repo.commit()
    for name in NAMES:
        repo.write(name, repo.git("cat-file", "-p", f":{name}").encode())
    return repo


@pytest.fixture
def left(original: Repo, tmp_path: Path) -> Repo:
    """A copy of that."""
    return original.copy(tmp_path / "repo")


def written(repo: Repo) -> set[str]:
    return {name for name in NAMES if repo.read(name) == A}


def test_everything_also_from_a_folder_below(left: Repo) -> None:
    assert "3 files written" in Repo(left.path / "sub dir").theta("checkout")
    assert written(left) == set(NAMES)
    assert left.status() == ""


@pytest.mark.parametrize(
    ("below", "path", "expected"),
    [
        (".", "top.safetensors", {NAMES[0]}),
        (".", "sub dir", set(NAMES[1:])),
        (".", ".", set(NAMES)),
        ("sub dir", ".", set(NAMES[1:])),
        ("sub dir", "größe.safetensors", {NAMES[1]}),
        ("sub dir", "-dash.safetensors", {NAMES[2]}),
        ("sub dir", "../top.safetensors", {NAMES[0]}),
    ],
)
def test_paths_are_relative_to_where_the_user_is(
    left: Repo, below: str, path: str, expected: set[str]
) -> None:
    Repo(left.path / below).theta("checkout", "--", path)
    assert written(left) == expected


def test_a_deleted_file_says_how_it_comes_back(left: Repo) -> None:
    (left.path / NAMES[1]).unlink()
    below = Repo(left.path / "sub dir")
    done = below.run_theta("checkout", "größe.safetensors", ok=False)
    assert done.returncode == 2
    assert "git checkout -- 'größe.safetensors'" in done.stderr
    below.git("checkout", "--", "größe.safetensors")
    assert left.read(NAMES[1]) == A


def test_a_modified_file_is_kept(left: Repo) -> None:
    left.write(NAMES[0], b"work in progress")
    left.theta("checkout", NAMES[0])
    assert left.read(NAMES[0]) == b"work in progress"


@pytest.mark.parametrize("path", ["nonesuch", ".gitattributes", "../elsewhere", "*.safetensors"])
def test_paths_without_a_checkpoint(left: Repo, path: str) -> None:
    done = left.run_theta("checkout", path, ok=False)
    assert done.returncode in (2, 7)
    assert "Traceback" not in done.stderr
    assert written(left) == set()


def test_a_missing_object_fails_for_its_file_alone(left: Repo) -> None:
    for path in left.objects:
        path.unlink()
    done = left.run_theta("checkout", ok=False)
    assert done.returncode == 1
    assert "3 files couldn't be written" in done.stderr
    assert written(left) == set()
