from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from git_theta.git.plumbing.cat_file import Blobs
from git_theta.git.plumbing.command import Git
from tests.helpers.repo import Repo


@pytest.fixture
def git(repo: Repo) -> Git:
    (repo.path / "a b").write_bytes(b"one\0two")
    (repo.path / "empty").touch()
    repo.commit()
    return Git(repo.path)


def test_blobs_by_id_in_the_index_and_in_revisions(git: Git) -> None:
    with Blobs(git.cwd) as blobs:
        oid = git.line("rev-parse", "HEAD:a b")
        for name in (oid, oid.encode(), ":a b", "HEAD:a b"):
            assert blobs.read(name) == b"one\0two"
        assert blobs.lookup(":a b") == (oid, b"one\0two")
        assert blobs.read(":empty") == b""


@pytest.mark.parametrize(
    "name", ["", "nothing", ":nothing", "HEAD:no such file", "HEAD", "HEAD^{tree}", "a\nb"]
)
def test_other_names_have_no_blob_and_the_next_is_read(git: Git, name: str) -> None:
    with Blobs(git.cwd) as blobs:
        assert blobs.read(name) is None
        assert blobs.read(":a b") == b"one\0two"


def test_names_with_line_breaks(repo: Repo) -> None:
    (repo.path / "a\nb").write_bytes(b"one")
    repo.commit()
    with Blobs(repo.path) as blobs:
        oid = Git(repo.path).line("rev-parse", "HEAD:a\nb")
        assert blobs.lookup(":a\nb") == blobs.lookup("HEAD:a\nb") == (oid, b"one")
        assert blobs.read("-a\nb") is None


def test_large_blobs_are_absent(git: Git) -> None:
    with Blobs(git.cwd) as blobs:
        assert blobs.read(":a b", limit=6) is None
        assert blobs.read(":a b", limit=7) == b"one\0two"


def test_replaced_blobs_are_the_originals(git: Git) -> None:
    oid, other = git.line("rev-parse", "HEAD:a b"), git.line("rev-parse", "HEAD:empty")
    git.run("replace", oid, other)
    with Blobs(git.cwd) as blobs:
        assert blobs.read(oid) == b"one\0two"


def test_one_process_reads_all_until_it_is_closed(git: Git, monkeypatch: pytest.MonkeyPatch) -> None:
    started = []
    popen = subprocess.Popen

    def counted(*args: object, **more: object) -> object:
        started.append(args)
        return popen(*args, **more)  # type: ignore[call-overload]

    monkeypatch.setattr(subprocess, "Popen", counted)
    blobs = Blobs(git.cwd)
    assert [blobs.read(":empty") for _ in range(50)] == [b""] * 50
    assert len(started) == 1
    blobs.close()
    assert blobs.read(":empty") == b""
    blobs.close()


def test_without_a_repository(tmp_path: Path) -> None:
    with Blobs(tmp_path) as blobs:
        assert blobs.read("HEAD:a") is None
        assert blobs.read("HEAD:a") is None
