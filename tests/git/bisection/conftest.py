"""Histories of manifests in the repository of the current folder."""

from __future__ import annotations

import pytest

from tests.helpers.histories import History
from tests.helpers.repo import Repo


@pytest.fixture
def made(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> History:
    """Makes commits in the repository of the current folder."""
    monkeypatch.chdir(repo.path)
    return History(repo)
