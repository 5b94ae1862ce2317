from __future__ import annotations

import os
from contextlib import closing

import pytest

from git_theta.git.repository.repository import Repository
from git_theta.git.worktree.known_files import KnownFiles
from git_theta.git.worktree.materialise import materialise
from git_theta.git.worktree.pending_files import PendingFile, pending_files
from git_theta.git.worktree.writing_lock import writing_files
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


@pytest.fixture
def killed(repo: Repo, repository: Repository, pending: PendingFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process that was to write the file was killed; Git takes the manifest for unchanged."""
    repo.git("-c", "theta.fetch=lazy", "add", DEEP)
    assert repo.git("diff-files", "--name-only") == ""

    def kill(*_args: object) -> None:
        raise SystemExit

    with monkeypatch.context() as patch, closing(KnownFiles(repository)) as known_files:
        patch.setattr("git_theta.git.worktree.materialise.smudge", kill)
        with pytest.raises(SystemExit):
            materialise(repository, known_files, [pending], 0)
    assert repo.read(DEEP) == pending.text


@pytest.mark.usefixtures("killed")
def test_a_file_that_a_killed_process_left_is_written_by_the_next_one(repo: Repo) -> None:
    assert repo.git("-c", "theta.fetch=lazy", "diff-files", "--name-only") == f"{DEEP}\n"
    assert repo.status() == ""
    assert repo.read(DEEP) == FIRST


@pytest.mark.usefixtures("killed")
def test_nothing_is_written_in_the_background_or_twice_at_once(
    repo: Repo, repository: Repository, pending: PendingFile
) -> None:
    repo.git("status", env={"GIT_OPTIONAL_LOCKS": "0"})
    with writing_files(repository) as alone:
        assert alone
        repo.git("status", env={"GIT_OPTIONAL_LOCKS": "0"})
        with writing_files(repository) as second:
            assert not second
        repo.git("diff", "--stat")
    assert repo.read(DEEP) == pending.text
