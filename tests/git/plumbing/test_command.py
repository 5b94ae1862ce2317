from __future__ import annotations

import os
from pathlib import Path

import pytest

from git_theta.errors import GitError
from git_theta.git.plumbing import command
from git_theta.git.plumbing.command import Git, parse_config
from tests.helpers.repo import Repo


def test_output_and_success(repo: Repo) -> None:
    git = Git(repo.path)
    assert git.run("hash-object", "--stdin", stdin=b"") == b"e69de29bb2d1d6434b8b29ae775ad8c2e48c5391\n"
    assert git.line("rev-parse", "--is-inside-work-tree") == "true"
    assert git.ok("rev-parse", "--git-dir")
    assert not git.ok("rev-parse", "-q", "--verify", "nothing")


def test_a_failure_says_what_git_said(repo: Repo) -> None:
    with pytest.raises(GitError, match="git rev-parse failed: Needed a single revision"):
        Git(repo.path).run("rev-parse", "--verify", "nothing")
    with pytest.raises(GitError, match="git cat-file failed: exit code 1"):
        Git(repo.path).run("cat-file", "-e", "0" * 39 + "1")


def test_outside_of_a_repository(tmp_path: Path) -> None:
    with pytest.raises(GitError, match="this folder isn't in a Git repository") as caught:
        Git(tmp_path).run("rev-parse", "--git-dir")
    assert "git init" in caught.value.hint


def test_messages_are_in_english(repo: Repo) -> None:
    env = {**os.environ, "LC_ALL": "de_DE.UTF-8", "LANGUAGE": "de"}
    with pytest.raises(GitError, match="Needed a single revision"):
        Git(repo.path, env).run("rev-parse", "--verify", "nothing")


def test_without_git() -> None:
    # The environment of the new process is where the program is looked for.
    with pytest.raises(GitError, match="isn't on PATH"):
        Git(env={"PATH": "/nowhere"}).run("version")


def test_names_of_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Git().folder == tmp_path
    assert Git().path("deep/m.pt") == "deep/m.pt"
    assert Git(tmp_path / "deep").folder == tmp_path / "deep"
    assert Git(tmp_path / "deep").path("m.pt") == str(tmp_path / "deep" / "m.pt")


def test_settings(repo: Repo) -> None:
    repo.git("config", "--add", "Theta.Note", "one")
    repo.git("config", "--add", "theta.note", "two\nlines")
    repo.git("config", "theta.Mixed.Key", "x")
    git = Git(repo.path)
    assert git.config("theta.note") == "two\nlines"
    assert git.values("theta.note") == ["one", "two\nlines"]
    assert git.config("theta.Mixed.key") == "x"
    assert git.config("theta.none") == ""
    assert git.config("theta.none", "default") == "default"


def test_a_key_without_a_value_is_true() -> None:
    assert parse_config(b"a.b\0a.c\n\0a.d\nx=y\n\0") == {"a.b": "true", "a.c": "", "a.d": "x=y\n"}


def test_no_questions(repo: Repo) -> None:
    assert Git(repo.path).silent().env is not None
    env = Git(repo.path, {"A": "b"}).silent().env
    assert env == {"A": "b", "GIT_TERMINAL_PROMPT": "0", "GIT_ASKPASS": ""}


def test_originals_of_replaced_objects(repo: Repo) -> None:
    git = Git(repo.path)
    one, two = (git.run("hash-object", "-w", "--stdin", stdin=text).decode().strip() for text in (b"1", b"2"))
    repo.git("replace", one, two)
    assert git.run("cat-file", "blob", one) == b"2"
    assert git.originals().run("cat-file", "blob", one) == b"1"


def test_a_listing_has_a_bound(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    (repo.path / "a").write_text("a")
    repo.git("add", "a")
    repo.git("commit", "-qm", "a")
    git = Git(repo.path)
    assert git.listing("ls-tree", "-r", "--name-only", "HEAD") == b"a\n"
    with pytest.raises(GitError, match="git ls-tree failed: Not a valid object name nothing"):
        git.listing("ls-tree", "nothing")
    monkeypatch.setattr(command, "_MAX_LISTING", 1)
    with pytest.raises(GitError, match="git ls-tree lists more than 0 MiB of files"):
        git.listing("ls-tree", "-r", "--name-only", "HEAD")
