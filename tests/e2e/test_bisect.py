"""`git theta bisect` with real Git, real models and real commands."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.repo import Repo

MODEL, TUNED = "base/model.safetensors", "tuned/model.safetensors"

#: Prints the first number of a model of one tensor, and notes that it ran.
MEASURE = b"""
import json, struct, sys
data = open(sys.argv[1], "rb").read()
value = struct.unpack("<f", data[8 + struct.unpack("<Q", data[:8])[0]:][:4])[0]
open("runs.log", "a").write("x")
print(json.dumps({"accuracy": round(value, 4)}))
"""

TESTS = f"""
[test.accuracy]
command = ["{sys.executable}", "measure.py", "{{model}}"]
on = ["*"]
metric = "json:accuracy"
max_drop = 0.05
"""


def model(value: float) -> bytes:
    """A model whose first number is the value."""
    return safetensors_bytes({"a": np.full(64, value, "f4"), "b": np.arange(8, dtype="f4")})


@pytest.fixture(scope="module")
def original(tracked: Repo, tmp_path_factory: pytest.TempPathFactory) -> Repo:
    """Six versions of a base, of which the last two are bad, and a fine-tune of the last one."""
    repo = tracked.copy(tmp_path_factory.mktemp("bisect") / "repo")
    repo.write("measure.py", MEASURE)
    repo.write(".theta/tests.toml", TESTS.encode())
    repo.write(".gitignore", b"runs.log\n")
    for number in range(6):
        repo.write(MODEL, model(0.8 + 0.01 * number - (0.3 if number >= 4 else 0)))
        repo.commit(f"version {number}")
    repo.write(TUNED, model(0.55))
    repo.git("add", TUNED)
    repo.theta("lineage", "add", TUNED, "--from", MODEL, "--relation", "finetune")
    repo.commit("tuned")
    return repo


@pytest.fixture
def repo(original: Repo, tmp_path: Path) -> Repo:
    return original.copy(tmp_path / "repo")


def bisect(repo: Repo, *args: str) -> Any:
    return json.loads(repo.run_theta("bisect", "--json", *args).stdout)


def runs(repo: Repo) -> int:
    log = repo.path / "runs.log"
    return len(log.read_bytes()) if log.exists() else 0


def test_the_version_that_broke_it_what_it_changed_and_who_is_affected(repo: Repo) -> None:
    before = repo.git("status", "--porcelain"), repo.git("rev-parse", "HEAD"), repo.git("for-each-ref")
    found = bisect(repo, "accuracy", MODEL)
    assert found["commit"] == repo.git("rev-parse", "HEAD~2").strip()
    assert (found["model"], found["subject"], found["value"]) == (MODEL, "version 4", pytest.approx(0.54))
    assert found["before"] == [
        {"commit": repo.git("rev-parse", "HEAD~3").strip(), "model": MODEL, "value": pytest.approx(0.83)}
    ]
    assert [each["modified"] for each in found["changes"]] == [["a"]]
    assert found["affected"] == [TUNED]
    assert found["runs"] == runs(repo) <= 4
    after = repo.git("status", "--porcelain"), repo.git("rev-parse", "HEAD"), repo.git("for-each-ref")
    assert after == before
    # All results are known by now.
    assert bisect(repo, "accuracy", MODEL)["runs"] == 0
    text = repo.theta("bisect", "accuracy", MODEL, "--good", "HEAD~5")
    assert "version 4" in text
    assert "the first version that fails accuracy: 0.54, after 0.83" in text
    assert f"made from it: {TUNED}" in text
    assert "~ a" in text


def test_the_best_recorded_version_is_the_good_one(repo: Repo) -> None:
    for value in (0.46, 0.41):
        repo.write(MODEL, model(value))
        repo.commit("a drift that comes on top of it")
    drift = bisect(repo, "accuracy", MODEL)["commit"]
    assert drift != repo.git("rev-parse", "HEAD~4").strip()
    repo.git("checkout", "-q", "-b", "recorded", "HEAD~5")
    repo.theta("test", "run", "accuracy", MODEL, "--record")
    repo.commit("the metric")
    repo.git("checkout", "-q", "main")
    repo.git("merge", "-q", "--no-edit", "recorded")
    done = repo.run_theta("bisect", "--json", "accuracy", MODEL)
    assert json.loads(done.stdout)["commit"] == repo.git("rev-parse", "HEAD^1~4").strip()
    assert "has the best accuracy that is recorded, 0.83: as --good" in done.stderr
    repo.write("measure.py", MEASURE + b"sys.exit(round(value, 4) == 0.83)\n")
    told = repo.run_theta("bisect", "--json", "accuracy", MODEL)
    assert "0.83, but doesn't pass any more: all of history is searched" in told.stderr


def test_along_derivations(repo: Repo) -> None:
    found = bisect(repo, "accuracy", "--ancestry", "--threshold", "0.7", "tuned")
    assert (found["subject"], found["model"], found["others"]) == ("version 4", MODEL, [])
    assert found["affected"] == [TUNED]


def test_a_command_of_the_command_line(repo: Repo) -> None:
    words = ("--threshold", "0.7", "--metric", "json:accuracy", MODEL, "--", sys.executable, "measure.py")
    found = bisect(repo, *words, "{model}")
    assert (found["test"], found["subject"]) == ("command", "version 4")
    text = repo.theta("bisect", "--threshold", "0.5", *words[2:], "{model}", ok=False)
    assert "passes the test, so there's nothing to find" in text


def test_a_shallow_clone_says_that_its_history_ends(repo: Repo, tmp_path: Path) -> None:
    repo.git("clone", "-q", "--depth", "2", f"file://{repo.path}", str(tmp_path / "clone"))
    clone = Repo(tmp_path / "clone")
    found = bisect(clone, "accuracy", MODEL, "--threshold", "0.7")
    assert (found["boundary"], found["passed"]) == (True, False)
    assert "git fetch --unshallow" in clone.theta("bisect", "accuracy", MODEL, "--threshold", "0.7")


def test_objects_that_are_not_here_are_fetched(repo: Repo, tmp_path: Path) -> None:
    repo.git("clone", "-q", str(repo.path), str(tmp_path / "clone"))
    clone = Repo(tmp_path / "clone")
    assert bisect(clone, "accuracy", MODEL)["subject"] == "version 4"


def test_mistakes(repo: Repo) -> None:
    for args, message in (
        (("accuracy",), "which test, and which model?"),
        (("acuracy", MODEL), "there's no test 'acuracy'"),
        (("accuracy", "nothing.bin"), "isn't a model"),
        (("accuracy", MODEL, "--good", "HEAD", "--bad", "HEAD~3"), "good version comes after the bad one"),
        (("accuracy", MODEL, "--threshold", "nan"), "finite"),
        (("accuracy", MODEL, "--threshold", "1", "--max-drop", "1%"), "exclude each other"),
        (("accuracy", MODEL, "--max-drop", "much"), "isn't a drop that can be allowed"),
        ((MODEL, "--max-drop", "1", "--", sys.executable, "{model}"), "no metric"),
        (("accuracy", MODEL, "--ancestry", "--good", "HEAD~5"), "--good isn't for --ancestry"),
        ((MODEL, "--", sys.executable, "measure.py"), "doesn't read the model"),
        ((MODEL, "--", "no-such-program", "{model}"), "can't be run"),
    ):
        done = repo.run_theta("bisect", *args, ok=False)
        assert done.returncode != 0
        assert message in done.stderr
    assert runs(repo) == 0
