"""A remote of the test's repository; and which variants of a story are quick."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.repo import Repo

_FOLDER = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark variants of stories as slow, all but the first one of each: stories take seconds."""
    quick: set[str] = set()
    for item in items:
        if isinstance(item, pytest.Function) and item.path.parent == _FOLDER and hasattr(item, "callspec"):
            story = item.nodeid.partition("[")[0]
            if item.get_closest_marker("slow"):
                continue
            if story in quick:
                item.add_marker(pytest.mark.slow)
            quick.add(story)


@pytest.fixture
def bare(repo: Repo, tmp_path: Path) -> Path:
    """A bare repository, `origin` of the other; its objects are in a folder apart, as on a server."""
    path = tmp_path / "bare.git"
    repo.git("init", "-q", "--bare", str(path))
    repo.git("remote", "add", "origin", str(path))
    repo.git("config", "theta.remote.origin.url", str(tmp_path / "server"))
    return path
