"""A remote of the test's repository."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.repo import Repo


@pytest.fixture
def bare(repo: Repo, tmp_path: Path) -> Path:
    """A bare repository, `origin` of the other; its objects are in a folder apart, as on a server."""
    path = tmp_path / "bare.git"
    repo.git("init", "-q", "--bare", str(path))
    repo.git("remote", "add", "origin", str(path))
    repo.git("config", "theta.remote.origin.url", str(tmp_path / "server"))
    return path
