from __future__ import annotations

from pathlib import Path

import pytest

from git_theta.errors import UsageError
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.repository import Repository
from git_theta.git.repository.tracked_config import bucket_url, lfs_settings
from git_theta.settings import TRACKED_CONFIG
from tests.helpers.repo import Repo

BUCKET = b'[remote]\nurl = "s3://models/team"\n'


@pytest.fixture
def repository(repo: Repo) -> Repository:
    return Repository(Git(repo.path))


def test_without_files(repository: Repository) -> None:
    assert bucket_url(repository) == ""
    assert lfs_settings(repository) == {}


def test_settings_of_git_lfs(repo: Repo, repository: Repository) -> None:
    repo.write(".lfsconfig", b"[lfs]\nurl = https://example.com/lfs\n")
    assert lfs_settings(repository) == {"lfs.url": "https://example.com/lfs"}


def test_settings_of_git_lfs_that_are_not_valid(repo: Repo, repository: Repository) -> None:
    repo.write(".lfsconfig", b"[lfs\n")
    with pytest.raises(UsageError, match=r"\.lfsconfig isn't valid"):
        lfs_settings(repository)


@pytest.mark.parametrize("section", ["include", 'includeIf "gitdir:**"'])
def test_no_file_is_included(repo: Repo, repository: Repository, tmp_path: Path, section: str) -> None:
    secret = tmp_path / "secret"
    secret.write_text("[lfs]\n\tpushurl = https://secret\n")
    (repo.path / ".lfsconfig").write_text(f"[lfs]\n\turl = https://lfs\n[{section}]\n\tpath = {secret}\n")
    found = lfs_settings(repository)
    assert found["lfs.url"] == "https://lfs"
    assert "lfs.pushurl" not in found


def test_a_bucket(repo: Repo, repository: Repository) -> None:
    repo.write(TRACKED_CONFIG, BUCKET)
    assert bucket_url(repository) == "s3://models/team"
    repo.write(TRACKED_CONFIG, b"[[merge]]\nstrategy = 'ours'\n")
    assert bucket_url(repository) == ""


def test_the_work_tree_then_the_index_then_head(repo: Repo, repository: Repository) -> None:
    repo.write(TRACKED_CONFIG, BUCKET)
    repo.commit()
    (repo.path / TRACKED_CONFIG).unlink()
    assert bucket_url(repository) == "s3://models/team"
    repo.git("rm", "-q", "--cached", TRACKED_CONFIG)
    assert bucket_url(repository) == "s3://models/team"
    repo.write(TRACKED_CONFIG, BUCKET.replace(b"team", b"mine"))
    assert bucket_url(repository) == "s3://models/mine"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"[remote", "isn't valid TOML"),
        (b"\xff", "isn't valid TOML"),
        (b'[remote]\nurl = "ssh://host/path"\n', "only the URL of a bucket"),
        (b'[remote]\nurl = "/tmp/folder"\n', "only the URL of a bucket"),
        (b"[remote]\nurl = 3\n", "only the URL of a bucket"),
        (b"remote = 3\n", "only the URL of a bucket"),
    ],
)
def test_other_places_are_refused(repo: Repo, repository: Repository, data: bytes, message: str) -> None:
    repo.write(TRACKED_CONFIG, data)
    with pytest.raises(UsageError, match=message):
        bucket_url(repository)
