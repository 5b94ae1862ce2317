"""The remote that workers read, and what it hasn't."""

from __future__ import annotations

from pathlib import Path

import pytest

from git_theta.errors import UsageError
from git_theta.git.jobs.remote_source import (
    RemoteSource,
    check_committed,
    check_pushed,
    remote_source,
    without_user,
)
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.repository import Repository
from tests.helpers.lineage_models import BASE, weights
from tests.helpers.repo import Repo


@pytest.fixture
def pushed(repo: Repo, tmp_path: Path) -> Repo:
    """A repository with a script and a model, whose remote has its commit."""
    Repo(tmp_path).git("init", "-q", "--bare", "origin.git")
    repo.git("remote", "add", "origin", f"file://{tmp_path}/origin.git")
    repo.write("eval.py", b"print(1)\n")
    repo.write(BASE, weights())
    repo.commit("one")
    repo.git("push", "-q", "-u", "origin", "main")
    return repo


def repository(repo: Repo) -> Repository:
    return Repository(Git(repo.path))


def test_a_folder_is_a_path(pushed: Repo, tmp_path: Path) -> None:
    assert remote_source(repository(pushed)) == RemoteSource(f"{tmp_path}/origin.git")
    pushed.git("config", "theta.trustedPlace", "https://lfs.example.com")
    pushed.git("config", "theta.remote.origin.url", "https://user:secret@example.com/o")
    source = remote_source(repository(pushed))
    assert source.settings == (
        ("theta.trustedPlace", "https://lfs.example.com"),
        ("theta.remote.origin.url", "https://example.com/o"),
    )
    assert source.identity != RemoteSource(source.url).identity
    with pytest.raises(UsageError, match="there's no remote 'other'"):
        remote_source(repository(pushed), "other")
    pushed.git("remote", "remove", "origin")
    with pytest.raises(UsageError, match="it has none"):
        remote_source(repository(pushed))


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("https://token@example.com/r.git", "https://example.com/r.git"),
        ("https://u:p@example.com:8443/r.git?sig=1", "https://example.com:8443/r.git"),
        ("ssh://git@example.com/r.git", "ssh://git@example.com/r.git"),
        ("ssh://git:p@example.com:22/r.git", "ssh://git@example.com:22/r.git"),
        ("git@example.com:r.git", "git@example.com:r.git"),
    ],
)
def test_passwords_stay_here(url: str, told: str) -> None:
    assert without_user(url) == told


def test_commits_that_arent_pushed(pushed: Repo) -> None:
    first = pushed.git("rev-parse", "HEAD").strip()
    pushed.write("eval.py", b"print(2)\n")
    second = pushed.commit("two")
    check_pushed(repository(pushed), [first])
    with pytest.raises(UsageError, match=f"workers can't see commit {second[:12]}"):
        check_pushed(repository(pushed), [first, second])
    pushed.git("push", "-q")
    check_pushed(repository(pushed), [first, second])


def test_files_that_differ_from_head(pushed: Repo) -> None:
    check_committed(repository(pushed), ["eval.py"])
    pushed.write(BASE, weights(1))
    pushed.write(".theta/tests.toml", b"")
    pushed.git("add", ".theta")
    (pushed.path / "eval.py").touch()
    check_committed(repository(pushed), ["eval.py"])
    with pytest.raises(UsageError, match=r"workers can't see data\.csv as it is here: it is in no commit"):
        check_committed(repository(pushed), ["data.csv"])
    pushed.write("eval.py", b"print(3)\n")
    with pytest.raises(UsageError, match=r"workers can't see eval\.py as it is here: it differs from HEAD"):
        check_committed(repository(pushed), [])
    (pushed.path / "eval.py").unlink()
    with pytest.raises(UsageError, match=r"eval\.py as it is here: it differs from HEAD"):
        check_committed(repository(pushed), [])
