"""Files of settings that a repository brings along are regular files of its work tree, or of Git."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from git_theta.errors import UsageError
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.repository import Repository
from git_theta.git.repository.tracked_file import read_settings_file
from git_theta.settings import TRACKED_CONFIG
from tests.helpers.repo import Repo


@pytest.fixture
def repository(repo: Repo) -> Repository:
    return Repository(Git(repo.path))


def test_the_work_tree_then_the_index_then_head(repo: Repo, repository: Repository) -> None:
    assert read_settings_file(repository, TRACKED_CONFIG) is None
    repo.write(TRACKED_CONFIG, b"one")
    repo.commit()
    repo.write(TRACKED_CONFIG, b"two")
    assert read_settings_file(repository, TRACKED_CONFIG) == b"two"
    (repo.path / TRACKED_CONFIG).unlink()
    assert read_settings_file(repository, TRACKED_CONFIG) == b"one"
    repo.git("rm", "-q", "--cached", TRACKED_CONFIG)
    assert read_settings_file(repository, TRACKED_CONFIG) == b"one"


def test_a_bare_repository(repo: Repo, tmp_path: Path) -> None:
    repo.write(TRACKED_CONFIG, b"one")
    repo.commit()
    repo.git("clone", "-q", "--bare", ".", str(tmp_path / "bare"))
    assert read_settings_file(Repository(Git(tmp_path / "bare")), TRACKED_CONFIG) == b"one"


@pytest.mark.parametrize("kind", ["link", "linked folder", "dangling link", "folder", "pipe"])
def test_other_kinds_of_files(repo: Repo, repository: Repository, tmp_path: Path, kind: str) -> None:
    """A link could lead to a file of the user's, and a pipe never ends."""
    path = repo.path / TRACKED_CONFIG
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "config.toml").write_bytes(b"secret")
    if kind == "linked folder":
        path.parent.symlink_to("../elsewhere")
    else:
        path.parent.mkdir()
    if kind == "link":
        path.symlink_to("../../elsewhere/config.toml")
    elif kind == "dangling link":
        path.symlink_to("none")
    elif kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    with pytest.raises(UsageError, match="isn't a regular file"):
        read_settings_file(repository, TRACKED_CONFIG)


def test_a_file_that_is_too_large(repo: Repo, repository: Repository) -> None:
    repo.write(TRACKED_CONFIG, b"#" * ((1 << 20) + 1))
    with pytest.raises(UsageError, match="larger than 1 MiB"):
        read_settings_file(repository, TRACKED_CONFIG)
