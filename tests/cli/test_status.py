from __future__ import annotations

import json
import os
from typing import Any

import numpy as np
import pytest

from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.repo import Repo
from tests.helpers.small_history import FIRST, NAME, SECOND, THIRD, Json
from tests.helpers.small_models import NAME as MODEL
from tests.helpers.small_models import A


def only(found: list[dict[str, Any]]) -> dict[str, Any]:
    (state,) = found
    return state


def test_unmodified(history: Repo, report: Json) -> None:
    assert only(report(history, "status")) == {
        "path": NAME,
        "work": "same",
        "staged": None,
        "changes": None,
        "missing_objects": 0,
        "borrowed_objects": 0,
        "conflicts": [],
    }
    assert history.theta("status") == f"{NAME}: unmodified\n"
    assert report(Repo(history.path / "my models"), "status") == report(history, "status")


def test_a_change_in_the_work_tree_is_counted_and_not_stored(history: Repo, report: Json) -> None:
    before = history.objects
    history.write(NAME, THIRD)
    state = only(report(history, "status"))
    assert (state["work"], state["staged"]) == ("modified", None)
    assert state["changes"] == {
        "added": ["new"],
        "removed": [],
        "changed": [],
        "unchanged": 3,
        "layout": True,
    }
    history.write(NAME, FIRST)
    assert only(report(history, "status"))["changes"]["changed"] == ["small"]
    assert "modified: 1 of 3 parameters changed" in history.theta("status")
    assert history.objects == before


def test_staged(history: Repo, report: Json) -> None:
    history.write(NAME, THIRD)
    history.write("other.safetensors", FIRST)
    history.git("add", "-A")
    grown, other = report(history, "status")
    assert (grown["work"], grown["staged"]["added"]) == ("same", ["new"])
    assert (other["staged"]["added"], other["staged"]["unchanged"]) == (["big", "small", "steps"], 0)
    assert "staged: new, 3 parameters" in history.theta("status")


def test_before_the_first_commit(repo: Repo, report: Json) -> None:
    assert report(repo, "status") == []
    assert "No tracked checkpoints" in repo.theta("status")
    repo.write("m.safetensors", FIRST)
    repo.git("add", "-A")
    assert len(only(report(repo, "status"))["staged"]["added"]) == 3


def test_deleted_and_removed(history: Repo, report: Json) -> None:
    (history.path / NAME).unlink()
    assert only(report(history, "status"))["work"] == "deleted"
    history.git("rm", "-q", "--", NAME)
    state = only(report(history, "status"))
    assert (state["work"], state["staged"]["removed"]) == ("removed", ["big", "small", "steps"])
    assert "staged: removed" in history.theta("status")


def test_a_manifest_in_the_work_tree(history: Repo, report: Json) -> None:
    history.write(NAME, history.run("git", "show", f":{NAME}").stdout.encode())
    assert only(report(history, "status"))["work"] == "pending"
    assert "git theta checkout" in history.theta("status")
    history.write(NAME, history.run("git", "show", f"HEAD~1:{NAME}").stdout.encode())
    state = only(report(history, "status"))
    assert (state["work"], state["changes"]["changed"]) == ("modified", ["small"])


def test_a_file_from_before_it_was_tracked(history: Repo, report: Json) -> None:
    history.write(".gitattributes", b"")
    history.write("old.safetensors", SECOND)
    history.commit()
    history.theta("track", "old.safetensors")
    assert only(report(history, "status"))["work"] == "plain"
    assert "git add --renormalize" in history.theta("status")


def test_missing_objects(history: Repo, report: Json) -> None:
    for path in history.objects:
        path.unlink()
    assert only(report(history, "status"))["missing_objects"] > 0
    assert "missing from the store; see git theta fsck" in history.theta("status")
    history.git("config", "theta.fetch", "lazy")
    assert "missing from the store; fetch with: git theta fetch" in history.theta("status")
    history.write(NAME, history.run("git", "show", f":{NAME}").stdout.encode())
    output = history.theta("status")
    assert "objects and write it with: git theta pull" in output
    assert "fsck" not in output


def test_a_conflict(history: Repo, report: Json) -> None:
    history.git("checkout", "-q", "-b", "side", "HEAD~1")
    history.write(NAME, THIRD)
    history.commit()
    stages = [history.git("rev-parse", f"{rev}:{NAME}").strip() for rev in ("HEAD~1", "HEAD", "main")]
    lines = [f"100644 {oid} {number}\t{NAME}\n" for number, oid in enumerate(stages, start=1)]
    history.git("rm", "-q", "--cached", "--", NAME)
    history.run("git", "update-index", "--index-info", stdin="".join(lines).encode())
    assert only(report(history, "status"))["work"] == "conflict"
    assert "in conflict; settle it with" in history.theta("status")


def test_outside_the_sparse_checkout(history: Repo, report: Json) -> None:
    history.git("update-index", "--skip-worktree", "--", NAME)
    os.unlink(history.path / NAME)
    assert only(report(history, "status"))["work"] == "sparse"


@pytest.mark.parametrize("touched", [False, True])
def test_an_equal_file_is_read_once(history: Repo, touched: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    from git_theta.git.plumbing.command import Git
    from git_theta.git.repository.repository import Repository
    from git_theta.git.worktree import status
    from git_theta.git.worktree.known_files import KnownFiles

    read = []

    def fingerprint(*args: Any) -> Any:
        read.append(1)
        return real(*args)

    real = status.fingerprint
    monkeypatch.setattr(status, "fingerprint", fingerprint)
    monkeypatch.chdir(history.path)
    old = (history.path / NAME).stat().st_mtime - 100
    if touched:
        os.utime(NAME, (old, old))
    for _ in range(2):
        repository = Repository(Git())
        known_files = KnownFiles(repository)
        assert [state.work for state in status.file_states(repository, known_files)] == [
            status.WorkState.SAME
        ]
        known_files.close()
    assert len(read) <= 1


def test_an_empty_file(history: Repo, report: Json) -> None:
    history.write("empty.safetensors", b"")
    history.commit()
    assert "empty.safetensors: unmodified" in history.theta("status")
    history.write("empty.safetensors", FIRST)
    state = report(history, "status")[0]
    assert (state["work"], state["changes"]["added"]) == ("modified", ["big", "small", "steps"])
    (history.path / "empty.safetensors").unlink()
    assert report(history, "status")[0]["work"] == "deleted"


def test_a_pointer_of_git_lfs(history: Repo, report: Json) -> None:
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"a" * 64 + b"\nsize 5\n"
    history.write("pointer.safetensors", pointer)
    assert "git theta migrate import" in history.git("add", ".")
    assert history.git("cat-file", "blob", ":pointer.safetensors").encode() == pointer
    assert "pointer.safetensors" not in history.git("status", "--porcelain").replace("A  pointer", "")
    assert report(history, "status")[1]["work"] == "stand_in"
    assert "git theta migrate import" in history.theta("status")


def test_staged_modified_and_deleted(repo: Repo) -> None:
    repo.write(MODEL, A)
    repo.git("add", "-A")
    assert "new, 3 parameters" in repo.theta("status")
    repo.commit()
    assert repo.theta("status") == f"{MODEL}: unmodified\n"
    before = repo.objects
    arrays = {f"layer.{i}.weight": np.zeros((64, 64), "f4") for i in range(4)}
    repo.write(MODEL, safetensors_bytes(arrays))
    (state,) = json.loads(repo.theta("status", "--json"))
    assert state["work"] == "modified"
    assert state["staged"] is None
    assert state["changes"]["added"] == ["layer.3.weight"]
    assert len(state["changes"]["changed"]) == 3
    assert repo.objects == before
    (repo.path / MODEL).unlink()
    assert "deleted" in repo.theta("status")


def test_status_of_a_file_that_is_only_a_manifest(repo: Repo) -> None:
    repo.write(MODEL, A)
    repo.commit()
    repo.write(MODEL, repo.git("cat-file", "-p", f":{MODEL}").encode())
    assert "git theta checkout" in repo.theta("status")
    assert "1 file written" in repo.theta("checkout", MODEL)
    assert repo.read(MODEL) == A
    assert repo.status() == ""


@pytest.mark.parametrize("command", [("status",), ("diff", "HEAD"), ("checkout",), ("show", f":{NAME}")])
def test_a_repository_that_is_named_from_a_folder(history: Repo, command: tuple[str, ...]) -> None:
    deep = history.path / "deep" / "er"
    deep.mkdir(parents=True)
    folders = {"GIT_DIR": "../../.git", "GIT_WORK_TREE": "../.."}
    assert Repo(deep).run_theta(*command, env=folders).stdout == history.run_theta(*command).stdout
