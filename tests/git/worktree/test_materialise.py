from __future__ import annotations

import os

import pytest

from git_theta.git.repository.repository import Repository
from git_theta.git.worktree.known_files import KnownFiles
from git_theta.git.worktree.materialise import materialise
from git_theta.git.worktree.pending_files import PendingFile, pending_files
from tests.helpers.model_files import FIRST
from tests.helpers.repo import Repo

DEEP = "models/model.safetensors"


@pytest.fixture
def pending(repo: Repo, repository: Repository) -> PendingFile:
    """A committed file that the work tree has only the manifest of."""
    repo.write(DEEP, FIRST)
    repo.commit()
    repo.write(DEEP, repo.git("show", f":{DEEP}").encode())
    (found,) = pending_files(repository)
    return found


def test_a_file_is_written_and_known_to_git(
    repo: Repo, repository: Repository, known_files: KnownFiles, pending: PendingFile
) -> None:
    os.chmod(repo.path / DEEP, 0o755)
    repo.git("config", "core.fileMode", "false")
    done: list[int] = []
    assert materialise(repository, known_files, [pending], 0, done.append) == []
    assert repo.read(DEEP) == FIRST
    assert (repo.path / DEEP).stat().st_mode & 0o777 == 0o755
    assert repo.git("diff-files", "--name-only") == ""
    assert sum(done) == 520 * 4


def test_a_file_that_changed_is_left_alone(
    repo: Repo, repository: Repository, known_files: KnownFiles, pending: PendingFile
) -> None:
    repo.write(DEEP, b"something else")
    assert materialise(repository, known_files, [pending], 0) == []
    assert repo.read(DEEP) == b"something else"


def test_a_file_behind_a_link_is_left_alone(
    repo: Repo, repository: Repository, known_files: KnownFiles, pending: PendingFile
) -> None:
    outside = repo.path.parent / "outside"
    os.rename(repo.path / "models", outside)
    os.symlink(outside, repo.path / "models")
    assert materialise(repository, known_files, [pending], 0) == []
    assert (repo.path / DEEP).read_bytes() == pending.text


def test_a_failure_is_reported_and_leaves_the_manifest(
    repo: Repo,
    repository: Repository,
    known_files: KnownFiles,
    pending: PendingFile,
    capfd: pytest.CaptureFixture[str],
) -> None:
    for path in repo.objects:
        path.unlink()
    assert materialise(repository, known_files, [pending], 0) == [DEEP]
    assert repo.read(DEEP) == pending.text
    assert f"git-theta: {DEEP}: " in capfd.readouterr().err


def test_a_file_that_a_hook_has_written_is_known_to_git(
    repo: Repo, repository: Repository, known_files: KnownFiles, pending: PendingFile
) -> None:
    assert materialise(repository, known_files, [pending], 0) == []
    known_files.close()
    index = repo.path / ".git" / "index"
    before = index.read_bytes()
    repo.git("update-index", "--force-remove", DEEP)
    repo.run("git", "update-index", "--add", "--cacheinfo", f"100644,{pending.oid},{DEEP}")
    assert index.read_bytes() != before
    assert materialise(repository, known_files, [pending], 0) == []
    assert repo.git("diff-files", "--name-only") == ""
