from __future__ import annotations

import os
from pathlib import Path

import pytest

from git_theta.errors import GitError
from git_theta.git.plumbing.cat_file import Blobs
from git_theta.git.plumbing.check_attr import AttributeLookup
from git_theta.git.plumbing.command import Git
from git_theta.git.plumbing.environment import internal_environment, make_folders_absolute
from tests.helpers.repo import Repo

#: Variables that change what git commands mean or print.
CHANGING = {
    "GIT_INTERNAL_SUPER_PREFIX": "sub/",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_GLOB_PATHSPECS": "1",
    "GIT_NOGLOB_PATHSPECS": "1",
    "GIT_ICASE_PATHSPECS": "1",
    "GIT_FLUSH": "0",
    "GIT_CONFIG": "/nowhere",
    "GIT_EXTERNAL_DIFF": "false",
    "GIT_TRACE": "1",
    "GIT_TRACE_SETUP": "true",
    "GIT_TRACE2_EVENT": "1",
    "GIT_PAGER_IN_USE": "true",
    "GIT_PRINT_SHA1_ELLIPSIS": "yes",
}


def test_variables_that_change_output_are_left_out() -> None:
    assert internal_environment(CHANGING) == {"LC_ALL": "C"}


def test_variables_that_name_the_repository_stay() -> None:
    kept = {
        "GIT_DIR": "/r/.git",
        "GIT_INDEX_FILE": "/r/index",
        "GIT_WORK_TREE": "/r",
        "GIT_OBJECT_DIRECTORY": "/r/o",
        "GIT_CONFIG_COUNT": "0",
        "GIT_CONFIG_GLOBAL": "/g",
        "GIT_SSH_COMMAND": "ssh",
        "GIT_TRACE2_EVENT": "/tmp/events",
        "GIT_TRACE_CURL_NO_DATA": "1",
        "PATH": "/bin",
    }
    assert internal_environment({**kept, "LC_ALL": "de_DE.UTF-8"}) == {**kept, "LC_ALL": "C"}


@pytest.mark.parametrize("name", sorted(set(CHANGING) - {"GIT_FLUSH"}))
def test_answers_are_the_same_whatever_is_set(name: str, repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    repo.write("m.bin", b"1")
    repo.git("add", "m.bin")
    expected = [repo.git("ls-files", "-s"), repo.git("config", "--list", "--local")]
    monkeypatch.setenv(name, CHANGING[name])
    git = Git(repo.path)
    assert git.run("ls-files", "-s", "--", ":(top)").decode() == expected[0]
    assert git.run("config", "--list", "--local").decode() == expected[1]
    with pytest.raises(GitError, match=r"^git rev-parse failed: Needed a single revision$"):
        git.run("rev-parse", "--verify", "nothing")
    with Blobs(repo.path) as blobs:
        assert blobs.read(":m.bin") is not None


def test_an_answer_comes_although_flush_is_0(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_FLUSH", "0")
    assert "GIT_FLUSH" not in internal_environment(os.environ)
    lookup = AttributeLookup(Git(repo.path), ["filter"])
    assert lookup.get(b"m.bin") == ("theta",)
    lookup.close()


def test_relative_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    environment = {"GIT_DIR": "../r/.git", "GIT_WORK_TREE": "/w", "GIT_COMMON_DIR": "", "GIT_INDEX_FILE": "i"}
    make_folders_absolute(environment)
    assert environment == {
        "GIT_DIR": str(tmp_path.parent / "r" / ".git"),
        "GIT_WORK_TREE": "/w",
        "GIT_COMMON_DIR": "",
        "GIT_INDEX_FILE": "i",
    }
