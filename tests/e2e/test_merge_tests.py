"""`git theta merge --test` and `--search`, with real Git and real commands."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

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
open("runs.log", "a").write("x")
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
    repo.write(".gitignore", b"runs.log\n")
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


@pytest.mark.slow
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


@pytest.mark.slow
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


def searched(repo: Repo, *args: str) -> Any:
    return json.loads(repo.run_theta("merge", "--search", "accuracy", "--dry-run", "--json", *args).stdout)


def runs(repo: Repo) -> int:
    log = repo.path / "runs.log"
    return len(log.read_bytes()) if log.exists() else 0


@pytest.mark.slow
def test_the_best_strategy_is_searched_and_merges(repo: Repo) -> None:
    """Both changes of the branches together are the optimum."""
    before = repo.git("rev-parse", "HEAD"), repo.git("status", "--porcelain", "-uno")
    found = searched(repo, "--budget", "12", "better")
    assert found["best"]["values"] == {MODEL: 1}
    assert found["sides"] == [{MODEL: 0.5}, {MODEL: 0.5}]
    tried = [trial["rule"] for trial in found["trials"]]
    assert tried[:2] == ["average", "task-arithmetic"]
    assert runs(repo) <= 12 + 2
    after = repo.git("rev-parse", "HEAD"), repo.git("status", "--porcelain", "-uno")
    assert after == before
    assert list((repo.path / ".git" / "theta" / "tmp").iterdir()) == []
    # A search that is begun anew runs nothing, and ends like the first.
    known = runs(repo)
    text = repo.theta("merge", "--search", "accuracy", "--budget", "12", "--no-edit", "better")
    assert runs(repo) == known
    assert found["best"]["command"] in text
    assert "isn't the one that was tested" not in text
    assert len(repo.git("log", "-1", "--format=%P").split()) == 2
    result = repo.run_theta("test", "run", "accuracy", MODEL, "--json").stdout
    assert json.loads(result)["results"][0]["value"] == 1


@pytest.mark.slow
def test_the_options_of_one_strategy(repo: Repo) -> None:
    found = searched(repo, "-s", "task-arithmetic", "--set", "scale=0.5", "--budget", "4", "better")
    assert len(found["trials"]) == 4
    assert all(trial["rule"].startswith("task-arithmetic scale=0.5") for trial in found["trials"])
    assert "git theta merge -s task-arithmetic --set scale=0.5" in found["best"]["command"]


def test_the_best_is_worse_than_ours(repo: Repo) -> None:
    done = repo.run_theta("merge", "--search", "accuracy", "--budget", "3", "worse", ok=False)
    assert "even the best merge of m.safetensors is worse than ours" in done.stderr
    assert not (repo.path / ".git" / "MERGE_HEAD").exists()
    assert repo.git("status", "--porcelain", "-uno") == ""


@pytest.mark.slow
@needs_git(*MERGE_TREE)
def test_several_branches_are_searched_together(repo: Repo) -> None:
    repo.git("checkout", "-q", "-b", "third", "main~1")
    repo.write(MODEL, model(0, 0, 1))
    repo.commit("third")
    repo.git("checkout", "-q", "main")
    text = repo.theta("merge", "--search", "accuracy", "--budget", "2", "better", "third")
    assert "(branch 2)" in text
    assert "isn't the one that was tested" not in text
    assert len(repo.git("log", "-1", "--format=%P").split()) == 3


def test_mistakes_of_a_search(repo: Repo) -> None:
    repo.git("branch", "behind", "main~1")
    for args, message in (
        (("--search", "acuracy", "better"), "there's no test 'acuracy'"),
        (("--search", "accuracy", "behind"), "one branch contains the other"),
        (("--search", "accuracy", "no-such-branch"), "isn't a branch"),
        (("--dry-run", "better"), "--dry-run is for --search"),
        (("--json", "better"), "--json is for --list"),
        (("--search", "accuracy", "--set", "scale=1", "better"), "need a strategy"),
    ):
        done = repo.run_theta("merge", *args, ok=False)
        assert done.returncode != 0
        assert message in done.stderr
    assert runs(repo) == 0


def moving(repo: Repo, command: str) -> None:
    """Let the test's command do something in Git, too."""
    repo.write(
        "moving.py", MEASURE + f"\nimport subprocess; subprocess.run({command!r}, shell=True)\n".encode()
    )
    repo.write(".theta/tests.toml", TESTS.replace("measure.py", "moving.py").encode())
    repo.commit("moving")


def test_head_moves_while_tests_run(repo: Repo) -> None:
    moving(repo, "git commit -q --allow-empty -m moved")
    done = repo.run_theta("merge", "--search", "accuracy", "--budget", "1", "better", ok=False)
    assert "HEAD or a branch has moved while strategies were tried; nothing was merged" in done.stderr
    assert len(repo.git("log", "-1", "--format=%P").split()) == 1


def test_the_index_changes_while_tests_run(repo: Repo) -> None:
    moving(repo, "echo x > staged.txt; git add staged.txt")
    done = repo.run_theta("merge", "--test", "--no-edit", "better", ok=False)
    assert "has changed while tests ran; the merge isn't committed" in done.stderr
    assert (repo.path / ".git" / "MERGE_HEAD").exists()


def test_a_script_is_edited_while_it_runs(repo: Repo) -> None:
    """The result says nothing of the model: it's neither good nor bad."""
    moving(repo, "echo '#' >> moving.py")
    done = repo.run_theta("merge", "--test", "--no-edit", "better", ok=False)
    assert "moving.py was changed while the test ran" in done.stderr
    repo.git("merge", "--abort")
    for args in (("merge", "--search", "accuracy", "better"), ("bisect", "accuracy", MODEL)):
        done = repo.run_theta(*args, ok=False)
        assert done.returncode != 0
        assert "moving.py was changed while the test ran" in done.stderr


def test_models_that_only_one_side_changed_are_named(repo: Repo) -> None:
    """An average is for these, too, though no trial has tested them."""
    repo.write(OTHER, model(7, 7))
    repo.commit("other")
    words = ("--search", "accuracy", "--budget", "1", "-s", "average")
    text = repo.theta("merge", *words, "--dry-run", "better")
    assert f"average is for {OTHER}, too, which only one side changed" in text
    text = repo.theta("merge", *words, "--dry-run", "--no-all-parameters", "better")
    assert OTHER not in text
