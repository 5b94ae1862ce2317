"""Pointers of Git LFS on a ref of a remote that is a folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from git_theta.errors import GitError
from git_theta.git.plumbing.command import Git
from git_theta.git.remote.lfs_ref import REF, make_commit, pointer, publish
from git_theta.store.lfs.pointer import Pointer, parse_pointer
from tests.helpers.repo import Repo

A, B, C = ("a" * 64, "b" * 64, "c" * 64)


@pytest.fixture
def bare(repo: Repo, tmp_path: Path) -> Repo:
    repo.git("init", "-q", "--bare", str(tmp_path / "bare.git"))
    return Repo(tmp_path / "bare.git")


@pytest.fixture
def git(repo: Repo) -> Git:
    return Git(repo.path)


def names(bare: Repo) -> list[str]:
    return bare.git("ls-tree", "-r", "--name-only", REF).split()


def test_a_pointer_is_as_git_lfs_writes_it() -> None:
    assert parse_pointer(pointer(A, 5)) == Pointer(A, 5)


def test_pointers_are_added_to_those_that_are_there(git: Git, bare: Repo) -> None:
    assert publish(git, str(bare.path), {A: 1, B: 2})
    assert names(bare) == [".gitattributes", f"aa/{A[2:]}", f"bb/{B[2:]}"]
    assert bare.git("cat-file", "-p", f"{REF}:aa/{A[2:]}").encode() == pointer(A, 1)
    assert publish(git, str(bare.path), {B: 2, C: 3})
    assert names(bare) == [".gitattributes", f"aa/{A[2:]}", f"bb/{B[2:]}", f"cc/{C[2:]}"]
    assert bare.git("rev-list", "--count", REF).strip() == "2"


def test_nothing_is_pushed_if_no_pointer_is_lacking(git: Git, bare: Repo) -> None:
    assert publish(git, str(bare.path), {A: 1})
    assert not publish(git, str(bare.path), {A: 1})
    assert make_commit(git, str(bare.path), {A: 1}).commit == ""


def test_a_commit_that_another_push_has_overtaken_is_made_again(git: Git, bare: Repo) -> None:
    early = make_commit(git, str(bare.path), {A: 1})
    assert publish(git, str(bare.path), {B: 2})
    assert publish(git, str(bare.path), {A: 1}, early)
    assert names(bare) == [".gitattributes", f"aa/{A[2:]}", f"bb/{B[2:]}"]


def test_no_ref_is_left_here(git: Git, bare: Repo, repo: Repo) -> None:
    publish(git, str(bare.path), {A: 1})
    assert "theta" not in repo.git("for-each-ref")


def test_a_remote_that_refuses_the_ref(git: Git, bare: Repo) -> None:
    hook = bare.path / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(GitError):
        publish(git, str(bare.path), {A: 1})


def test_a_tree_of_trees_that_others_pushed_isnt_listed(git: Git, bare: Repo) -> None:
    publish(git, str(bare.path), {A: 1})
    level = bare.git("rev-parse", f"{REF}^{{tree}}").strip()
    for _ in range(12):
        entries = "".join(f"040000 tree {level}\td{index}\n" for index in range(10))
        level = Git(bare.path).run("mktree", stdin=entries.encode()).decode().strip()
    bomb = bare.git("commit-tree", level, "-m", "bomb").strip()
    bare.git("update-ref", REF, bomb)
    assert publish(git, str(bare.path), {A: 1})
    assert bare.git("rev-parse", f"{REF}:aa/{A[2:]}")
