from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.repo import Repo
from tests.helpers.small_models import NAME, A


@pytest.fixture
def pushed(repo: Repo, tmp_path: Path) -> Repo:
    """A repository whose objects are all at its remote, and none in its store."""
    repo.git("init", "-q", "--bare", str(tmp_path / "bare.git"))
    repo.git("remote", "add", "origin", str(tmp_path / "bare.git"))
    repo.git("config", "theta.remote.origin.url", str(tmp_path / "server"))
    repo.write(NAME, A)
    repo.commit()
    repo.git("push", "-q", "-u", "origin", "main")
    for path in repo.objects:
        path.unlink()
    return repo


@pytest.mark.parametrize("args", [[], ["main"], ["--all"], ["--remote", "origin"]])
def test_missing_objects_are_fetched(pushed: Repo, args: list[str]) -> None:
    assert "fetched 1 object" in pushed.theta("fetch", *args)
    assert len(pushed.objects) == 1
    assert pushed.theta("fetch", *args) == "Nothing to do.\n"


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--all", "main"], "--all goes without refs"),
        (["nonesuch"], "'nonesuch' isn't a revision"),
        (["--remote", "nonesuch"], "there's no remote"),
    ],
)
def test_errors(pushed: Repo, args: list[str], message: str) -> None:
    done = pushed.run_theta("fetch", *args, ok=False)
    assert done.returncode == 2
    assert message in done.stderr
