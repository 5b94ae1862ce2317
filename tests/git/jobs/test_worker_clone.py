"""Clones of workers: partial, shared by jobs, with manifests in place of models."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from git_theta.git.jobs.remote_source import RemoteSource
from git_theta.git.jobs.worker_clone import WorkerClone
from git_theta.jobs.job import WorkerError
from git_theta.model.manifest import MANIFEST_MAGIC
from git_theta.runtime.programs import Programs
from tests.helpers.lineage_models import BASE, weights
from tests.helpers.repo import Repo


@pytest.fixture
def origin(repo: Repo) -> Repo:
    """A repository that allows partial clones, with hooks and filters that must not run."""
    repo.git("config", "uploadpack.allowFilter", "true")
    repo.write("eval.py", b"print(1)\n")
    repo.write("old.txt", b"old\n")
    repo.write(BASE, weights())
    repo.commit("one")
    return repo


def clone_of(origin: Repo, folder: Path, **options: float) -> WorkerClone:
    return WorkerClone(folder, RemoteSource(f"file://{origin.path}"), Programs(), **options)


def test_work_trees(origin: Repo, tmp_path: Path) -> None:
    first = origin.git("rev-parse", "HEAD").strip()
    folder = tmp_path / "clones"
    with clone_of(origin, folder).work_tree(first) as tree:
        assert (tree / "eval.py").read_bytes() == b"print(1)\n"
        assert (tree / BASE).read_bytes().startswith(MANIFEST_MAGIC.encode())
        (tree / "eval.py").write_bytes(b"changed")
        (tree / "left.txt").write_bytes(b"")
        with clone_of(origin, folder).work_tree(first) as other:
            assert other != tree
            assert (other / "eval.py").read_bytes() == b"print(1)\n"
    with clone_of(origin, folder).work_tree(first) as again:
        assert again == tree
        assert (again / "eval.py").read_bytes() == b"print(1)\n"
        assert not (again / "left.txt").exists()


def test_no_hook_and_no_filter_runs(origin: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mark = tmp_path / "mark"
    hook = tmp_path / "hooks" / "post-checkout"
    hook.parent.mkdir()
    hook.write_text(f"#!/bin/sh\ntouch {mark}\n")
    hook.chmod(0o755)
    settings = tmp_path / "settings"
    settings.write_text(
        f"[core]\nhooksPath = {hook.parent}\nfsmonitor = {hook}\n"
        f'[filter "theta"]\nprocess = {hook}\nsmudge = {hook}\nclean = {hook}\nrequired = true\n'
    )
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    first = origin.git("rev-parse", "HEAD").strip()
    for _ in range(2):
        with clone_of(origin, tmp_path / "clones").work_tree(first) as tree:
            assert (tree / BASE).read_bytes().startswith(MANIFEST_MAGIC.encode())
    assert not mark.exists()


def test_later_commits_are_fetched_without_old_files(origin: Repo, tmp_path: Path) -> None:
    first = origin.git("rev-parse", "HEAD").strip()
    old = origin.git("rev-parse", "HEAD:old.txt").strip()
    origin.git("rm", "-q", "old.txt")
    second = origin.commit("two")
    with clone_of(origin, tmp_path / "clones").work_tree(second) as tree:
        clone = Repo(tree)
        env = {"GIT_NO_LAZY_FETCH": "1"}
        present = clone.git("cat-file", "--batch-all-objects", "--batch-check=%(objectname)", env=env)
        assert old not in present
    origin.write("new.txt", b"new\n")
    third = origin.commit("three")
    with clone_of(origin, tmp_path / "clones").work_tree(third, first) as tree:
        assert (tree / "new.txt").exists()
        present = Repo(tree).git("cat-file", "--batch-all-objects", "--batch-check=%(objectname)", env=env)
        assert old in present


def test_an_unfinished_tree_is_made_anew(origin: Repo, tmp_path: Path) -> None:
    first = origin.git("rev-parse", "HEAD").strip()
    with clone_of(origin, tmp_path).work_tree(first) as tree:
        pass
    (complete,) = tmp_path.glob("*/repository.git/worktrees/*/theta-complete")
    complete.unlink()
    (tree / "eval.py").unlink()
    with clone_of(origin, tmp_path).work_tree(first) as again:
        assert again == tree
        assert (again / "eval.py").exists()


def test_failures_are_the_workers(origin: Repo, tmp_path: Path) -> None:
    first = origin.git("rev-parse", "HEAD").strip()
    with (
        pytest.raises(WorkerError, match="git fetch failed"),
        clone_of(origin, tmp_path).work_tree("1" * 40),
    ):
        pass
    gone = WorkerClone(tmp_path, RemoteSource(f"file://{tmp_path}/gone"), Programs())
    with pytest.raises(WorkerError, match="git clone failed"), gone.work_tree(first):
        pass
    late = WorkerClone(tmp_path / "late", RemoteSource("ssh://x/y"), Programs(), time.monotonic() - 1)
    with pytest.raises(WorkerError, match=r"git clone (took too long|failed)"), late.work_tree(first):
        pass
    (tmp_path / "file").write_bytes(b"")
    with (
        pytest.raises(WorkerError, match="can't write"),
        clone_of(origin, tmp_path / "file").work_tree(first),
    ):
        pass
