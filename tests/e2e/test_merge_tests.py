"""`git theta merge --test`, with real Git and real commands."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from git_theta.git.plumbing.git_version import MERGE_TREE
from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.git_versions import needs_git
from tests.helpers.repo import Repo

MODEL, OTHER = "m.safetensors", "other.safetensors"

#: Prints how near the first numbers of two tensors are to 1 and 1.
MEASURE = b"""
import json, struct, sys
data = open(sys.argv[1], "rb").read()
size = struct.unpack("<Q", data[:8])[0]
header = json.loads(data[8:8 + size])
first = lambda name: struct.unpack("<f", data[8 + size + header[name]["data_offsets"][0]:][:4])[0]
print(json.dumps({"accuracy": 1 - abs(first("a") - 1) / 2 - abs(first("b") - 1) / 2}))
"""

TESTS = f"""
[test.accuracy]
command = ["{sys.executable}", "measure.py", "{{model}}"]
on = ["m.safetensors"]
metric = "json:accuracy"
max_drop = 0.1
"""


def model(a: float, b: float, c: float = 0) -> bytes:
    """A model of three tensors, each of one number."""
    return safetensors_bytes(
        {name: np.full(64, value, "f4") for name, value in {"a": a, "b": b, "c": c}.items()}
    )


@pytest.fixture(scope="module")
def original(tracked: Repo, tmp_path_factory: pytest.TempPathFactory) -> Repo:
    """A model that two branches made better in one tensor each, and a third one worse in both."""
    repo = tracked.copy(tmp_path_factory.mktemp("merge-tests") / "repo")
    repo.write("measure.py", MEASURE)
    repo.write(".theta/tests.toml", TESTS.encode())
    repo.write(MODEL, model(0, 0))
    repo.write(OTHER, model(0, 0))
    repo.commit("base")
    for name, values in (("better", (0, 1, 0)), ("worse", (-3, 0, 0))):
        repo.git("checkout", "-q", "-b", name, "main")
        repo.write(MODEL, model(*values))
        repo.commit(name)
    repo.git("checkout", "-q", "main")
    repo.write(MODEL, model(1, 0))
    repo.commit("ours")
    return repo


@pytest.fixture
def repo(original: Repo, tmp_path: Path) -> Repo:
    return original.copy(tmp_path / "repo")


def test_a_merge_that_is_good_is_committed(repo: Repo) -> None:
    text = repo.theta("merge", "--test", "--no-edit", "better")
    assert repo.git("log", "-1", "--format=%s %P").split()[:3] == ["Merge", "branch", "'better'"]
    assert len(repo.git("log", "-1", "--format=%P").split()) == 2
    (row,) = [line.split() for line in text.splitlines() if line.startswith(f"{MODEL}  accuracy")]
    assert row == [MODEL, "accuracy", "0.5", "0.5", "1"]
    assert repo.git("status", "--porcelain", "-uno") == ""


def test_a_merge_that_is_worse_stays_uncommitted(repo: Repo) -> None:
    head = repo.git("rev-parse", "HEAD")
    done = repo.run_theta("merge", "--test", "-s", "average", "worse", ok=False)
    assert done.returncode == 1
    assert "m.safetensors is worse by the test accuracy" in done.stderr
    assert "by more than 0.1; the merge isn't committed" in done.stderr
    assert "git commit; give it up: git merge --abort" in done.stderr
    assert repo.git("rev-parse", "HEAD") == head
    assert (repo.path / ".git" / "MERGE_HEAD").exists()
    repo.git("commit", "-q", "--no-edit")
    assert len(repo.git("log", "-1", "--format=%P").split()) == 2


def test_tests_that_are_no_guards_hold_nothing(repo: Repo) -> None:
    repo.write(".theta/tests.toml", TESTS.encode() + b"guard = false\n")
    text = repo.theta("merge", "--test", "--no-edit", "-s", "average", "worse")
    assert "worse (no guard)" in text
    assert not (repo.path / ".git" / "MERGE_HEAD").exists()


def test_a_test_that_cannot_run_leaves_the_merge_uncommitted(repo: Repo) -> None:
    repo.write(".theta/tests.toml", TESTS.replace(sys.executable, "no-such-program").encode())
    done = repo.run_theta("merge", "--test", "better", ok=False)
    assert "can't be run" in done.stderr
    assert "the merge isn't committed: git commit, or git merge --abort" in done.stderr
    repo.git("merge", "--abort")
    assert repo.git("status", "--porcelain", "-uno").split() == ["M", ".theta/tests.toml"]


def test_nothing_to_test(repo: Repo) -> None:
    """A fast-forward isn't a merge; a model that one side changed is tested there."""
    repo.git("checkout", "-q", "-b", "side", "main")
    repo.write(OTHER, model(5, 5))
    repo.commit("side")
    repo.git("checkout", "-q", "main")
    repo.write("note.txt", b"x")
    repo.commit("note")
    assert "no test is for a model that was merged" in repo.theta("merge", "--test", "--no-edit", "side")
    assert len(repo.git("log", "-1", "--format=%P").split()) == 2
    repo.git("checkout", "-q", "-b", "behind", "HEAD~1")
    assert "no test" not in repo.theta("merge", "--test", "--no-edit", "main")
    assert repo.git("rev-parse", "HEAD") == repo.git("rev-parse", "main")


def test_the_merge_may_be_left_uncommitted_anyway(repo: Repo) -> None:
    repo.theta("merge", "--test", "--no-commit", "better")
    assert (repo.path / ".git" / "MERGE_HEAD").exists()


@needs_git(*MERGE_TREE)
def test_several_branches_change_nothing_if_the_result_is_worse(repo: Repo) -> None:
    head = repo.git("rev-parse", "HEAD")
    done = repo.run_theta("merge", "--test", "-s", "average", "better", "worse", ok=False)
    assert "nothing was merged" in done.stderr
    assert (repo.git("rev-parse", "HEAD"), repo.git("status", "--porcelain", "-uno")) == (head, "")
    repo.write(".theta/tests.toml", TESTS.replace("0.1", "2").encode())
    repo.commit("anything goes")
    assert "branch 2" in repo.theta("merge", "--test", "-s", "average", "better", "worse")
    assert len(repo.git("log", "-1", "--format=%P").split()) == 3
    assert json.loads(repo.theta("merge", "--list", "--json"))
