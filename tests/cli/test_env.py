from __future__ import annotations

import json
from pathlib import Path

from tests.helpers.git_versions import pretended_version
from tests.helpers.repo import Repo


def test_versions_settings_and_repository(repo: Repo) -> None:
    found = json.loads(repo.theta("env", "--json"))
    assert "git-theta" in found["versions"]
    assert "filter.theta.process" in found["settings"]
    assert "*.safetensors" in found["repository"]["tracked"]


def test_text_has_the_same_sections(repo: Repo) -> None:
    repo.theta("install", "--local")
    text = repo.theta("env")
    assert [line for line in text.splitlines() if line.startswith("[")] == [
        *("[versions]", "[settings]", "[repository]", "[remotes]")
    ]
    assert "hooks = post-checkout: not needed, " in text


def test_outside_a_repository(tmp_path: Path) -> None:
    found = json.loads(Repo(tmp_path).theta("env", "--json"))
    assert "isn't in a Git repository" in found["repository"]["none"]


def test_locations_of_remotes(repo: Repo, tmp_path: Path) -> None:
    repo.git("remote", "add", "origin", str(tmp_path / "bare.git"))
    repo.git("config", "theta.remote.origin.url", str(tmp_path / "server"))
    repo.git("config", "theta.remote.gone.url", str(tmp_path / "server"))
    remotes = json.loads(repo.theta("env", "--json"))["remotes"]
    assert str(tmp_path / "server") in remotes["origin"]
    assert list(remotes) == ["origin", "(gone)"]


def test_a_git_that_is_too_old(repo: Repo, tmp_path: Path) -> None:
    env = pretended_version(tmp_path / "bin", "2.30.2")
    assert "git = 2.30.2 (too old: git-theta needs 2.31)\n" in repo.run_theta("env", env=env).stdout
