"""An empty repository in which checkpoints have the merge driver, and commits for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from git_theta.git.plumbing.command import Git
from tests.helpers.commits import Commits


@pytest.fixture
def git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Git:
    monkeypatch.chdir(tmp_path)
    Git().run("init", "-q", "-b", "main")
    (tmp_path / ".gitattributes").write_text("*.pt merge=theta\n")
    return Git()


@pytest.fixture
def commit(git: Git) -> Commits:
    return Commits(git)
