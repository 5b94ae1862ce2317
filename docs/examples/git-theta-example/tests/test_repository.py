"""A repository of toy files, with the real Git: the package must be installed beside git-theta."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from test_contract import toy_file

GIT_SETTINGS = """
[user]
    name = Test
    email = test@example.com
[init]
    defaultBranch = main
[protocol "file"]
    allow = always
"""


@pytest.fixture
def home(tmp_path, monkeypatch):
    """An empty home folder in which git-theta is set up."""
    (tmp_path / "gitconfig").write_text(GIT_SETTINGS)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    theta(tmp_path, "install")
    return tmp_path


def run(folder: Path, *words: str) -> str:
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, f"{words} failed\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


def git(folder: Path, *words: str) -> str:
    return run(folder, "git", *words)


def theta(folder: Path, *words: str) -> str:
    return run(folder, sys.executable, "-m", "git_theta", *words)


def commit(folder: Path, data: bytes) -> None:
    (folder / "model.toy").write_bytes(data)
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "change")


def test_the_plugins_are_found(home):
    found = json.loads(theta(home, "plugins", "--external", "--json"))
    assert {(row["kind"], row["name"], row["health"]) for row in found} == {
        ("format", "toy", "ok"),
        ("update", "scaled", "ok"),
        ("merge strategy", "median", "ok"),
        ("remote", "flat", "ok"),
    }


def test_a_toy_model_is_tracked_updated_merged_and_cloned(home):
    repository, bare = home / "repository", home / "bare.git"
    git(home, "init", "--quiet", str(repository))
    git(home, "init", "--quiet", "--bare", str(bare))
    theta(repository, "track", "*.toy", "--update", "scaled", "--merge", "median")
    # More than a MiB, so that values come in several pieces.
    weight = np.random.default_rng(0).standard_normal(300_000).astype("f4")
    commit(repository, toy_file(1, weight=weight, bias=[1.0, 1.0]))

    decayed = weight * np.float32(0.99)
    commit(repository, toy_file(2, weight=decayed, bias=[1.0, 1.0]))
    shown = json.loads(theta(repository, "show", "model.toy", "--json"))
    updates = {parameter["name"]: parameter["update"] for parameter in shown["parameters"]}
    assert updates["weight"].startswith("scaled")
    assert "step: 1 -> 2" in git(repository, "diff", "HEAD~1")

    git(repository, "switch", "--quiet", "--create", "other")
    commit(repository, toy_file(2, weight=decayed, bias=[3.0, 1.5]))
    git(repository, "switch", "--quiet", "main")
    commit(repository, toy_file(2, weight=decayed, bias=[2.0, 0.5]))
    git(repository, "merge", "--quiet", "--no-edit", "other")
    merged = toy_file(2, weight=decayed, bias=[2.0, 1.0])
    assert (repository / "model.toy").read_bytes() == merged

    objects = f"theta.remote.origin.url=flat://{home}/objects"
    (home / "objects").mkdir()
    git(repository, "remote", "add", "origin", str(bare))
    git(repository, "-c", objects, "push", "--quiet", "origin", "main")
    assert list((home / "objects").iterdir())
    git(home, "clone", "--quiet", "--config", objects, str(bare), "clone")
    assert (home / "clone" / "model.toy").read_bytes() == merged
    assert git(home / "clone", "status", "--porcelain") == ""
