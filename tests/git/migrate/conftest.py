"""Repositories of both kinds of object ids."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.repo import Repo


@pytest.fixture(params=["sha1", "sha256"])
def empty(tmp_path: Path, request: pytest.FixtureRequest) -> Repo:
    made = Repo(tmp_path)
    made.git("init", "-q", f"--object-format={request.param}")
    return made
