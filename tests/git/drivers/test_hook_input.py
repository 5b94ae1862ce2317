from __future__ import annotations

import io
import sys

import pytest

from git_theta.git.drivers.hook_input import push_input
from git_theta.git.drivers.run_hook import run_hook
from git_theta.git.remote.ref_updates import parse_updates
from tests.helpers.repo import Repo

ZERO = "0" * 40
NEW, OLD = "1" * 40, "2" * 40
LINE = f"refs/heads/main {NEW} refs/heads/main {OLD}"
NAMED = {
    "PRE_COMMIT_REMOTE_NAME": "origin",
    "PRE_COMMIT_REMOTE_URL": "url",
    "PRE_COMMIT_LOCAL_BRANCH": "refs/heads/main",
    "PRE_COMMIT_REMOTE_BRANCH": "refs/heads/there",
}


def test_input_from_git() -> None:
    assert push_input(["origin", "url"], [LINE + "\n"], NAMED) == ("origin", "url", [LINE + "\n"])
    assert push_input(["origin", "url"], [], {}) == ("origin", "url", [])


def test_input_from_husky_4() -> None:
    environment = {"HUSKY_GIT_PARAMS": "origin url", "HUSKY_GIT_STDIN": f"{LINE}\n{LINE}\n"}
    assert push_input([], ["\n"], environment) == ("origin", "url", [LINE, LINE])


@pytest.mark.parametrize(
    ("more", "new", "old"),
    [({"PRE_COMMIT_TO_REF": NEW, "PRE_COMMIT_FROM_REF": OLD}, NEW, OLD), ({}, "refs/heads/main", "")],
)
def test_input_from_pre_commit(more: dict[str, str], new: str, old: str) -> None:
    name, url, lines = push_input([], [], NAMED | more)
    assert (name, url) == ("origin", "url")
    (update,) = parse_updates(lines)
    assert (update.new, update.old, update.ref) == (new, old, "refs/heads/there")


def test_without_input() -> None:
    assert push_input([], [], {}) == ("", "", [])


def test_names_of_refs_need_not_be_utf_8(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    line = f"refs/heads/caf\xe9 {ZERO} refs/heads/caf\xe9 {OLD}\n".encode("latin-1")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(line), encoding="utf-8"))
    monkeypatch.chdir(repo.path)
    assert run_hook("pre-push", ["origin", "url"]) == 0
