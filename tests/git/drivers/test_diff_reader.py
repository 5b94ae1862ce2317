from __future__ import annotations

import pytest

from git_theta.git.drivers.diff_reader import DiffReader
from git_theta.git.plumbing.command import Git
from tests.helpers.repo import Repo

NAME = "model.safetensors"


@pytest.fixture(autouse=True)
def git_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Git is taken for one that copies files for a diff driver."""
    monkeypatch.setattr("git_theta.git.drivers.diff_reader.makes_diff_copy", lambda _path, _pipe: True)


def test_our_driver_reads_tracked_files_alone(repo: Repo) -> None:
    reader = DiffReader(Git(repo.path))
    assert reader.is_our_driver(NAME)
    assert not reader.is_our_driver("notes.txt")


@pytest.mark.parametrize(
    ("key", "value"), [("diff.theta.command", "other"), ("diff.theta.textconv", "git theta show")]
)
def test_another_program_may_be_configured(repo: Repo, key: str, value: str) -> None:
    repo.git("config", key, value)
    assert not DiffReader(Git(repo.path)).is_our_driver(NAME)


def test_a_difftool_reads_whole_files(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", "git-difftool--helper")
    assert not DiffReader(Git(repo.path)).is_our_driver(NAME)


def test_other_commands_may_write_the_file(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("git_theta.git.drivers.diff_reader.makes_diff_copy", lambda _path, _pipe: False)
    assert not DiffReader(Git(repo.path)).is_our_driver(NAME)
