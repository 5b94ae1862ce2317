"""A small history for tests of the reporting commands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.repo import Repo
from tests.helpers.small_history import FIRST, NAME, SECOND, Json


@pytest.fixture(scope="session")
def original(tracked: Repo, tmp_path_factory: pytest.TempPathFactory) -> Repo:
    """Two commits of one checkpoint, to be copied."""
    repo = tracked.copy(tmp_path_factory.mktemp("original") / "repo")
    repo.write(NAME, FIRST)
    repo.commit("first")
    repo.write(NAME, SECOND)
    repo.commit("second")
    return repo


@pytest.fixture
def history(original: Repo, tmp_path: Path) -> Repo:
    """Two commits of one checkpoint."""
    return original.copy(tmp_path / "repo")


@pytest.fixture
def report() -> Json:
    """Run a command with --json and decode its output."""

    def run(repo: Repo, *args: str) -> Any:
        return json.loads(repo.theta(args[0], "--json", *args[1:]))

    return run
