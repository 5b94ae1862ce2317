from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.repo import Repo
from tests.helpers.small_models import NAME, A, B


@pytest.fixture
def with_remote(repo: Repo, tmp_path: Path) -> Repo:
    """A repository with two versions, and a remote that has none of their objects."""
    repo.git("init", "-q", "--bare", str(tmp_path / "bare.git"))
    repo.git("remote", "add", "origin", str(tmp_path / "bare.git"))
    repo.git("config", "theta.remote.origin.url", str(tmp_path / "server"))
    for data in (A, B):
        repo.write(NAME, data)
        repo.commit()
    return repo


@pytest.mark.parametrize(
    ("args", "count"),
    [([], "2 objects"), (["origin", "HEAD~1"], "1 object,"), (["origin", "--all"], "2 objects")],
)
def test_objects_are_sent_once(with_remote: Repo, args: list[str], count: str) -> None:
    assert f"sent {count}" in with_remote.theta("push", *args)
    assert with_remote.theta("push", *args) == "Nothing to do.\n"


@pytest.mark.parametrize(
    ("args", "message"),
    [(["origin", "main", "--all"], "--all goes without refs"), (["nonesuch"], "there's no remote")],
)
def test_errors(with_remote: Repo, args: list[str], message: str) -> None:
    done = with_remote.run_theta("push", *args, ok=False)
    assert done.returncode == 2
    assert message in done.stderr


def test_without_a_remote(repo: Repo) -> None:
    assert "there's no remote" in repo.theta("push", ok=False)
