"""Tests of models: `git theta test add`, `list`, `run` and `remove`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.helpers.lineage_models import BASE, MNLI, SST, weights
from tests.helpers.repo import Repo

#: Prints the mean size of a model's numbers.
SCRIPT = b"""
import array, json, struct, sys
data = open(sys.argv[1], "rb").read()
values = array.array("f", data[8 + struct.unpack("<Q", data[:8])[0] :])
print("loading", sys.argv[1])
print(json.dumps({"size": sum(map(abs, values)) / len(values)}))
"""

#: The option of a metric, and a command that prints it.
METRIC = ("--metric", "json:size", "--max-drop", "0.001")
COMMAND = ("--", sys.executable, "eval.py", "{model}")


@pytest.fixture(scope="module")
def original(tracked: Repo, tmp_path_factory: pytest.TempPathFactory) -> Repo:
    """A base, and a model that was made from it, which has larger numbers."""
    repo = tracked.copy(tmp_path_factory.mktemp("original") / "repo")
    repo.write("eval.py", SCRIPT)
    repo.write(BASE, weights())
    repo.commit("base")
    repo.write(SST, weights(1))
    repo.git("add", "-A")
    repo.theta("lineage", "add", SST, "--from", BASE, "--relation", "finetune")
    repo.commit("sst2")
    return repo


@pytest.fixture
def repo(original: Repo, tmp_path: Path) -> Repo:
    """A copy of the repository."""
    return original.copy(tmp_path / "repo")


def run(repo: Repo, *args: str, code: int = 0) -> list[dict[str, Any]]:
    done = repo.run_theta("test", "run", "--json", *args, ok=False)
    assert done.returncode == code, done.stdout + done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)["results"]
    return found


def test_a_regression_is_found_and_named(repo: Repo, tmp_path: Path) -> None:
    said = repo.theta("test", "add", "size", "--on", "sst2/*", "--on", "base", *METRIC, *COMMAND)
    assert ".theta/tests.toml" in said
    repo.commit("a test")
    first = run(repo)
    assert [(each["model"], each["ok"], each["cached"]) for each in first] == [
        (BASE, True, False),
        (SST, True, False),
    ]
    assert first[1]["parent"] == first[0]["value"] < first[1]["value"]
    assert all(each["cached"] for each in run(repo))

    data = bytearray(weights(1))
    data[-64 * 4 :] = bytes(64 * 4)
    repo.write(SST, bytes(data))
    repo.git("add", SST)
    (found,) = run(repo, "size", "sst2", code=1)
    assert (found["state"], found["previous"]) == ("worse", first[1]["value"])
    shown = repo.theta("test", "run", "size", "--changed", ok=False)
    assert "1 result: 1 worse" in shown
    assert f"from {BASE}" in shown
    assert shown.count(" !") == 2, shown
    junit, table = tmp_path / "report.xml", tmp_path / "comment.md"
    repo.theta("test", "run", "--junit", str(junit), "--markdown", str(table), ok=False)
    assert ElementTree.parse(junit).getroot().attrib["failures"] == "1"
    assert "❌" in table.read_text()
    assert [each["model"] for each in run(repo, "--rev", "HEAD")] == [BASE, SST]
    assert repo.status() == f"M  {SST}\n", "the work tree is as it was"


def test_a_model_is_held_against_its_parent_where_the_test_says_so(repo: Repo) -> None:
    lower = ("--all", "--lower", *METRIC)
    repo.theta("test", "add", "size", *lower, *COMMAND)
    found = run(repo, "size", "sst2")
    assert (found[0]["state"], found[0]["worse_than"]) == ("passed", [BASE])
    repo.theta("test", "add", "size", "--force", "--against", "both", *lower, *COMMAND)
    found = run(repo, "size", "sst2", code=1)
    assert (found[0]["state"], found[0]["cached"]) == ("worse", True)


def test_versions_of_a_range(repo: Repo) -> None:
    for number in range(2, 5):
        repo.write(SST, weights(*[1] * number))
        repo.commit(f"version {number}")
    repo.theta("test", "add", "size", "--all", *METRIC, *COMMAND)
    found = run(repo, "size", SST, "--rev", "HEAD~3..HEAD", "-j", "2")
    assert [each["rev"] for each in found] == repo.git("rev-list", "HEAD~3..HEAD").split()
    assert all(each["rev"] == each["commit"] for each in found)
    assert [each["previous"] for each in found[:2]] == [each["value"] for each in found[1:]]
    assert {each["model"] for each in run(repo, "--changed", "--base", "HEAD~1")} == {SST}
    assert repo.theta("test", "run", "--changed") == "No model has changed.\n"


def test_models_of_a_relation_and_alone(repo: Repo) -> None:
    repo.theta(
        "test", "add", "loads", "--on", "relation:finetune", "--", "test", "-f", "{model}", "-a", "{parent}"
    )
    assert [each["model"] for each in run(repo)] == [SST]
    said = repo.theta("test", "run", "loads", "--rev", "HEAD~1", ok=False)
    assert "test loads isn't for any of these models" in said
    # Named with a model, it's run all the same, and says what it lacks.
    (found,) = run(repo, "loads", BASE, code=1)
    assert "reads {parent}" in found["reason"]
    assert "has none here" in found["reason"]
    (found,) = run(repo, "loads", "sst2", "--compare", "none")
    assert (found["parent"], found["previous"], found["parents"]) == (None, None, {})


def test_the_file_is_edited_by_hand_and_by_commands(repo: Repo) -> None:
    repo.theta("test", "add", "size", "--all", *METRIC, *COMMAND)
    text = b"# our tests\n" + repo.read(".theta/tests.toml").replace(b"max_drop", b"owner = 'me'\nmax_drop")
    repo.write(".theta/tests.toml", text)
    assert "already" in repo.theta("test", "add", "size", "--all", *COMMAND, ok=False)
    repo.theta("test", "add", "size", "--all", "--force", "--lower", *METRIC, *COMMAND)
    assert repo.read(".theta/tests.toml") == text.replace(b"higher", b"lower")
    listed = json.loads(repo.theta("test", "list", "--json"))["tests"]
    assert (listed[0]["name"], listed[0]["better"], listed[0]["on"]) == ("size", "lower", ["*"])
    assert "json:size (lower)" in repo.theta("test", "list")
    repo.theta("test", "remove", "size")
    assert b"# our tests" in repo.read(".theta/tests.toml")
    assert "there are no tests" in repo.theta("test", "run", ok=False)
    repo.write(".theta/tests.toml", b"<<<<<<< HEAD\n=======\n>>>>>>> other\n")
    for command in (("list",), ("run",), ("remove", "size"), ("add", "x", "--all", *COMMAND)):
        assert ".theta/tests.toml is in conflict" in repo.theta("test", *command, ok=False)


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("exit 3", "exit code 3"),
        ("sleep 60", "the command took longer than 0.5 s, and was ended"),
        ("kill -9 $$", "SIGKILL ended the command"),
        ("echo broken", "the command printed no JSON: 'broken'"),
        ("head -c 9000000 /dev/zero", "the command printed no JSON"),
        ("echo '{\"size\": NaN}'", "the metric is nan"),
        ("echo '{\"other\": 1}'", "the JSON that the command printed has no 'size'"),
    ],
)
def test_commands_that_go_wrong(repo: Repo, script: str, reason: str) -> None:
    repo.theta("test", "add", "size", "--on", "base", *METRIC, "--", "sh", "-c", f"{script} # {{model}}")
    (found,) = run(repo, "--timeout", "0.5", code=1)
    assert found["reason"].startswith(reason)
    assert found["value"] is None
    (again,) = run(repo, "--timeout", "0.5", code=1)
    assert not again["cached"]


def test_one_model_that_cant_be_tested_doesnt_keep_others_from_it(repo: Repo) -> None:
    repo.theta("test", "add", "size", "--all", *METRIC, *COMMAND)
    lost = set(repo.objects)
    repo.write(MNLI, weights(3))
    repo.commit("mnli")
    (gone,) = set(repo.objects) - lost
    gone.unlink()
    found = {each["model"]: each for each in run(repo, code=1)}
    assert found[BASE]["ok"]
    assert found[SST]["ok"]
    assert found[MNLI]["state"] == "failed"
    assert "object" in found[MNLI]["reason"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_nothing(repo: Repo, number: signal.Signals) -> None:
    script = "sleep 100 & echo $! > ../pid; touch ../began; wait # {model}"
    repo.theta("test", "add", "slow", "--on", "base", "--", "sh", "-c", script)
    before = repo.status()
    program = subprocess.Popen(
        [sys.executable, "-m", "git_theta", "test", "run", "slow"],
        cwd=repo.path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not (repo.path.parent / "began").exists():
        assert program.poll() is None
        time.sleep(0.02)
    program.send_signal(number)
    assert "interrupted" in program.communicate(timeout=30)[1]
    assert program.returncode == 130
    assert list((repo.path / ".git/theta/tmp").glob("git-theta-test-*")) == []
    pid = int((repo.path.parent / "pid").read_text())
    for _ in range(100):
        state = Path(f"/proc/{pid}/stat")
        if not state.exists() or ") Z " in state.read_text():
            break
        time.sleep(0.05)
    else:
        os.kill(pid, signal.SIGKILL)
        raise AssertionError("the command's child still runs")
    assert repo.status() == before


def test_results_are_recorded_and_shown_through_history(repo: Repo, tmp_path: Path) -> None:
    repo.theta("test", "add", "size", "--all", "--metric", "json:size", *COMMAND)
    assert "recorded in 2 files: git add .theta/results" in repo.theta("test", "run", "--record")
    before = repo.read(f".theta/results/{SST}.json")
    assert "recorded" not in repo.theta("test", "run", "--record"), "nothing is new"
    repo.commit("results")
    repo.write(SST, weights(1, 1, 1))
    repo.commit("another version")
    repo.theta("test", "run", "size", "sst2", "--record")
    assert repo.read(f".theta/results/{SST}.json") != before
    repo.commit("its result")
    assert repo.git("log", "-p", "-1", "--format=").count('"value": ') == 2

    log = json.loads(repo.theta("test", "log", SST, "--json"))["models"][0]
    values = [each["results"]["size"]["value"] for each in log["versions"]]
    assert len(values) == 2
    assert values[0] > values[1]
    clone = Repo(tmp_path / "clone")
    repo.git("clone", "-q", str(repo.path), str(clone.path))
    assert json.loads(clone.theta("test", "log", SST, "--json"))["models"][0] == log
    assert "size sst2/model.safetensors, 2 versions: ▁█" in clone.theta("test", "log")
    assert "another version" in clone.theta("test", "log", "size", "sst2")
    clone.theta("test", "log", "--html", "metrics.html")
    assert clone.read("metrics.html").count(b"<svg") == 2


def test_results_of_runs_here_are_known_without_records(repo: Repo) -> None:
    repo.theta("test", "add", "size", "--all", "--metric", "json:size", *COMMAND)
    assert "no results are known" in repo.theta("test", "log", ok=False)
    repo.theta("test", "run", "size", "base")
    assert f"size {BASE}, 1 version" in repo.theta("test", "log")
    assert "no results are known" in repo.theta("test", "log", "--recorded", ok=False)


def test_results_go_into_the_work_tree_alone(repo: Repo, tmp_path: Path) -> None:
    repo.theta("test", "add", "size", "--all", *METRIC, *COMMAND)
    (repo.path / ".theta/results").symlink_to(tmp_path)
    assert ".theta/results is a link" in repo.theta("test", "run", "base", "--record", ok=False)
    (repo.path / ".theta/results").unlink()
    place = repo.write(f".theta/results/{BASE}.json", b"{}")
    place.unlink()
    place.symlink_to(tmp_path / "target")
    assert f"{BASE}.json is a link" in repo.theta("test", "run", "base", "--record", ok=False)
    place.unlink()
    repo.write(f".theta/results/{BASE}.json", b"<<<<<<< a\n=======\n>>>>>>> b\n")
    assert f"{BASE}.json is in conflict" in repo.theta("test", "run", "base", "--record", ok=False)
    assert not [*tmp_path.glob("*.json"), *tmp_path.glob("target")]
    assert not (repo.path / ".git/theta/tests-1.sqlite").exists(), "it's said before anything runs"
    assert "leave --rev or --record out" in repo.theta("test", "run", "--rev", "HEAD", "--record", ok=False)


def test_changes_that_arent_added_are_told(repo: Repo) -> None:
    repo.theta("test", "add", "size", "--all", *METRIC, *COMMAND)
    repo.write(SST, weights(1, 1))
    said = repo.theta("test", "run")
    assert f"{SST} has changes that aren't added: the version in the index is tested" in said
    assert f"{BASE} has" not in said


def test_a_bare_clone_tests_by_programs_that_are_installed(repo: Repo, tmp_path: Path) -> None:
    command = ("--", "sh", "-c", "wc -c < {model}")
    repo.theta("test", "add", "size", "--all", "--metric", "regex:[0-9]+", *command)
    repo.commit("a test")
    bare = Repo(tmp_path / "bare.git")
    repo.git("clone", "-q", "--bare", str(repo.path), str(bare.path))
    found = run(bare, "--rev", "HEAD")
    assert [each["value"] for each in found] == [float(len(weights())), float(len(weights(1)))]
    assert "needs a work tree" in bare.theta("test", "remove", "size", ok=False)


def test_objects_are_fetched_for_old_versions(repo: Repo, tmp_path: Path) -> None:
    repo.write(BASE, weights(0, 1, 2, 3))
    repo.theta("test", "add", "size", "--all", "--metric", "json:size", *COMMAND)
    repo.commit("another base")
    far = tmp_path / "far.git"
    repo.git("clone", "-q", "--bare", str(repo.path), str(far))
    repo.git("remote", "add", "far", str(far))
    repo.theta("push", "far")
    clone = Repo(tmp_path / "clone")
    repo.git("clone", "-q", f"file://{far}", str(clone.path))
    values = [each["value"] for each in run(clone, "size", BASE, "--rev", "HEAD~1", "--rev", "HEAD")]
    assert values == [each["value"] for each in run(repo, "size", BASE, "--rev", "HEAD~1", "--rev", "HEAD")]
    assert values[0] != values[1]


def test_two_runs_at_once(repo: Repo) -> None:
    repo.theta("test", "add", "size", "--all", "--metric", "json:size", *COMMAND)
    command = [sys.executable, "-m", "git_theta", "test", "run", "--again", "--record", "--json"]
    programs = [subprocess.Popen(command, cwd=repo.path, stdout=subprocess.PIPE) for _ in range(2)]
    outputs = [json.loads(program.communicate(timeout=60)[0])["results"] for program in programs]
    assert [program.returncode for program in programs] == [0, 0]
    assert [each["value"] for each in outputs[0]] == [each["value"] for each in outputs[1]]
    assert all(each["cached"] for each in run(repo))
    assert list((repo.path / ".git/theta/tmp").glob("git-theta-test-*")) == []


def test_paths_of_another_folder(repo: Repo) -> None:
    inside = Repo(repo.path / "sst2")
    inside.write("own.py", SCRIPT)
    said = inside.theta(
        "test", "add", "size", "--on", "model.safetensors", *METRIC, "--", "python", "own.py", "{model}"
    )
    assert "at the top of the work tree, where own.py is sst2/own.py: name it so" in said
    assert json.loads(repo.theta("test", "list", "--json"))["tests"][0]["on"] == [SST]
    assert run(inside, "size", "model.safetensors", code=1)[0]["model"] == SST


def test_wrong_times_are_refused(repo: Repo) -> None:
    repo.theta("test", "add", "size", "--all", *COMMAND)
    for wrong in ("0", "-1", "nan", "inf"):
        assert "isn't a number of seconds" in repo.theta("test", "run", "--timeout", wrong, ok=False)
