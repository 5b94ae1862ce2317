"""A repository whose history a test makes."""

from __future__ import annotations

import pytest

from tests.helpers.histories import History
from tests.helpers.repo import Repo


@pytest.fixture
def made(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> History:
    """An empty history in the current folder."""
    monkeypatch.chdir(repo.path)
    return History(repo)
