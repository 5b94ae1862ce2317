"""Hooks of other programs that run before the filter can write files."""

from __future__ import annotations

from pathlib import Path

import pytest

from git_theta.git.install.waiting_hooks import others_wait
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.repository import Repository
from tests.helpers.repo import Repo


def write(folder: Path, name: str, text: str = "true") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)


def waits(repo: Repo, command: str, treeish: str = "") -> bool:
    return others_wait(Repository(Git(repo.path)), command, treeish)


@pytest.mark.parametrize(
    ("name", "commands"),
    [
        ("post-checkout", {"checkout", "clone", "rebase", ""}),
        ("post-merge", {"merge", "rebase", ""}),
        ("pre-commit", {"rebase", ""}),
        ("post-index-change", {"checkout", "clone", "merge", "stash", "reset", "rebase", ""}),
        ("pre-push", set()),
    ],
)
def test_hooks_of_a_command(repo: Repo, name: str, commands: set[str]) -> None:
    write(repo.path / "hooks", name)
    repo.git("config", "core.hooksPath", "hooks")
    all_commands = ("checkout", "clone", "merge", "stash", "reset", "rebase", "")
    assert {command for command in all_commands if waits(repo, command)} == commands


def test_ours_writes_the_files_first(repo: Repo) -> None:
    write(repo.path / "hooks", "post-checkout", 'git theta hook post-checkout "$@"\nmake test')
    repo.git("config", "core.hooksPath", "hooks")
    assert not waits(repo, "checkout")


def test_hooks_in_git_s_settings(repo: Repo) -> None:
    """Git 2.54 and later run them, in this or in another order."""
    repo.git("config", "hook.look.command", "make test")
    repo.git("config", "hook.look.event", "post-checkout")
    repo.git("config", "--add", "hook.look.event", "pre-push")
    assert waits(repo, "checkout")
    assert not waits(repo, "reset")
    repo.git("config", "--unset-all", "hook.look.event")
    repo.git("config", "hook.theta.event", "post-checkout")
    assert not waits(repo, "checkout")


def test_hooks_that_are_checked_out(repo: Repo) -> None:
    write(repo.path / "hooks", "post-checkout")
    repo.commit()
    (repo.path / "hooks" / "post-checkout").unlink()
    repo.git("config", "core.hooksPath", "hooks")
    assert waits(repo, "checkout", "HEAD")
    assert not waits(repo, "checkout")
    assert not waits(repo, "reset", "HEAD")
