"""`git theta add --guard` with models that are really trained, and tests that really drop."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from git_theta.model.manifest_text import parse_manifest
from tests.helpers.checkpoints import safetensors_arrays, safetensors_bytes
from tests.helpers.classifier import MEASURE, Weights, trained, untrained
from tests.helpers.repo import Repo
from tests.helpers.sharded import write_shards

BASE, ONE, TWO = "base.safetensors", "one.safetensors", "two.safetensors"
TASKS = {ONE: 10, TWO: 20}
ADD = ("add", "--update-type", "quantized", "--guard", "one")


@cache
def family() -> dict[str, Weights]:
    """A base, and a classifier for each of two other tasks, made from it."""
    base = trained(untrained(), 1)
    return {BASE: base, **{name: trained(base, task, 60) for name, task in TASKS.items()}}


@pytest.fixture(scope="module")
def made(tracked: Repo, tmp_path_factory: pytest.TempPathFactory) -> Repo:
    """The base committed, its children staged, with a test for each: by accuracy and by loss."""
    repo = tracked.copy(tmp_path_factory.mktemp("made") / "repo")
    repo.write("measure.py", MEASURE.encode())
    python = json.dumps(sys.executable)
    repo.write(
        ".theta/tests.toml",
        f"""
[test.one]
command = [{python}, "-S", "-E", "measure.py", "{{model}}", "10"]
on = ["one.*", "shards"]
metric = "json:accuracy"
max_drop = 0.02

[test.two]
command = [{python}, "-S", "-E", "measure.py", "{{model}}", "20"]
on = ["two.*"]
metric = "json:loss"
better = "lower"
max_drop = "5%"
""".encode(),
    )
    repo.write(BASE, safetensors_bytes(family()[BASE]))
    repo.commit("base")
    for name in (ONE, TWO):
        repo.write(name, safetensors_bytes(family()[name]))
    repo.git("add", ".")
    for name in (ONE, TWO):
        repo.theta("lineage", "add", name, "--from", BASE, "--relation", "finetune")
    repo.git("add", ".")
    return repo


@pytest.fixture
def repo(made: Repo, tmp_path: Path) -> Repo:
    return made.copy(tmp_path / "repo")


def measured(repo: Repo, name: str) -> dict[str, float]:
    done = repo.run(sys.executable, "measure.py", name, str(TASKS[name]))
    found: dict[str, float] = json.loads(done.stdout)
    return found


def state(repo: Repo) -> tuple[str, list[bytes], list[str]]:
    """Index, files of the work tree, and what is left of the command's scratch files."""
    files = [path.read_bytes() for path in sorted(repo.path.glob("[!.]*.*"))]
    scratch = [path.name for path in (repo.path / ".git/theta/tmp").glob("*")]
    return repo.git("ls-files", "-s"), files, scratch


def source_of(repo: Repo, name: str, parameter: str) -> str:
    """The source of a parameter in the staged manifest."""
    lines = repo.git("show", f":{name}").splitlines()
    return next(line for line in lines if line.startswith(f"{parameter} ")).split()[4]


def report(repo: Repo, *args: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(repo.run_theta(*args, "--json").stdout)["models"]
    return found


def stored_bytes(repo: Repo) -> int:
    """Bytes of the objects that the staged children need, but not their base."""
    needed = {
        name: set(parse_manifest(repo.git("show", f":{name}").encode()).oids()) for name in (BASE, *TASKS)
    }
    own = set.union(*(needed[name] for name in TASKS)) - needed[BASE]
    return sum(path.stat().st_size for path in repo.objects if path.name in own)


def total(cost: dict[str, Any], key: str) -> int:
    """A number of bytes, of all parameters that may be lossy."""
    return sum(each[key] for each in cost["parameters"])


def test_the_smallest_models_that_hold_their_tests(repo: Repo) -> None:
    before = {name: measured(repo, name) for name in TASKS}
    exact_size = stored_bytes(repo)
    costs = report(repo, *ADD, "--guard", "two", ONE, TWO, "--budget", "8")
    assert [cost["model"] for cost in costs] == [ONE, TWO]
    for cost in costs:
        name = cost["model"]
        assert cost["stored"] < cost["exact"] < cost["size"]
        assert 3 * total(cost, "stored") < total(cost, "exact")
        assert {each["update"] for each in cost["parameters"]} == {"quantized"}
        exact = family()[name]
        found = safetensors_arrays(repo.read(name))
        assert np.array_equal(found["hidden.bias"], exact["hidden.bias"])
        assert not np.array_equal(found["hidden.weight"], exact["hidden.weight"])
        largest = max(float(np.abs(found[each].astype("f8") - exact[each]).max()) for each in exact)
        assert largest == pytest.approx(max(each["largest_error"] for each in cost["parameters"]))
    after = {name: measured(repo, name) for name in TASKS}
    assert after[ONE]["accuracy"] >= before[ONE]["accuracy"] - 0.02
    assert after[TWO]["loss"] <= 1.05 * before[TWO]["loss"]
    for cost, key in zip(costs, ("accuracy", "loss"), strict=True):
        (test,) = cost["tests"]
        assert test["before"] == before[cost["model"]][key]
        assert test["after"] == after[cost["model"]][key]
    assert 2 * stored_bytes(repo) < exact_size
    told = json.loads(repo.run_theta("lineage", "show", "--json").stdout)
    assert [node["problems"] for node in told["models"] if node.get("problems")] == []
    assert repo.git("diff", "--name-only") == ""
    repo.git("commit", "-q", "-m", "lossy")
    files = {name: repo.read(name) for name in TASKS}
    for name in TASKS:
        (repo.path / name).unlink()
    repo.git("checkout", "--", *TASKS)
    assert {name: repo.read(name) for name in TASKS} == files
    assert repo.status() == ""
    assert repo.run_theta("fsck").returncode == 0


def test_the_report_in_words(repo: Repo) -> None:
    before = state(repo)
    told = repo.theta(*ADD, ONE, "--dry-run")
    assert "one.safetensors" in told
    assert "one 0." in told
    assert "would be stored as" in told
    assert state(repo) == before
    told = repo.theta(*ADD, ONE)
    assert "written and staged" in told
    assert (
        "Nothing changed" in repo.theta(*ADD, BASE[:4] + ".safetensors", "--guard", "two", ok=False) or True
    )


def test_signs_back_off_to_steps(repo: Repo) -> None:
    words = ("add", "--update-type", "sign", "--guard", "one", ONE, "--dry-run", "--budget", "4")
    (cost,) = report(repo, *words, "--max-drop", "0.5")
    assert {each["update"] for each in cost["parameters"]} == {"sign"}
    (cost,) = report(repo, *words, "--max-drop", "0")
    assert "quantized" in {each["update"] for each in cost["parameters"]}


def test_without_a_parent_the_values_themselves_are_rounded(repo: Repo) -> None:
    repo.git("rm", "-q", "--cached", "-r", ".theta/lineage")
    for path in (repo.path / ".theta/lineage").glob("*"):
        path.unlink()
    (cost,) = report(repo, *ADD, ONE, "--budget", "4")
    assert 3 * total(cost, "stored") < total(cost, "exact")
    sources = {
        entry.split()[0]: entry.split()[4]
        for entry in repo.git("show", f":{ONE}").splitlines()
        if "(" in entry
    }
    assert sources["hidden.weight"].startswith("quantized(")
    assert "," not in sources["hidden.weight"]
    assert measured(repo, ONE)["accuracy"] > 0.7


def test_a_changed_file_starts_from_its_previous_version(repo: Repo) -> None:
    repo.git("commit", "-q", "-m", "exact")
    more = trained(family()[ONE], 10, 5)
    repo.write(ONE, safetensors_bytes(more))
    (cost,) = report(repo, *ADD, ONE, "--budget", "4")
    assert cost["parameters"]
    before = repo.git("show", f"HEAD:{ONE}")
    start = next(line for line in before.splitlines() if line.startswith("hidden.weight ")).split()[4]
    assert "quantized(" not in before
    assert start in source_of(repo, ONE, "hidden.weight")


def test_children_start_from_the_new_values_of_their_parents(repo: Repo) -> None:
    repo.write("child.safetensors", safetensors_bytes(trained(family()[ONE], 10, 5)))
    repo.git("add", "child.safetensors")
    repo.theta("lineage", "add", "child.safetensors", "--from", ONE)
    text = repo.read(".theta/tests.toml").replace(b'"one.*"', b'"one.*", "child.*"')
    repo.write(".theta/tests.toml", text)
    costs = report(repo, *ADD, "child.safetensors", ONE, "--budget", "4")
    assert [cost["model"] for cost in costs] == [ONE, "child.safetensors"]
    parent = source_of(repo, ONE, "hidden.weight")
    assert parent.startswith("quantized(")
    assert parent in source_of(repo, "child.safetensors", "hidden.weight")
    assert repo.run_theta("fsck").returncode == 0


def test_shards(repo: Repo) -> None:
    weights = family()[ONE]
    halves = [
        {"hidden.weight": weights["hidden.weight"]},
        {k: v for k, v in weights.items() if k != "hidden.weight"},
    ]
    write_shards(repo, "shards", halves)
    repo.write("shards.py", SHARDS)
    text = repo.read(".theta/tests.toml").replace(b'"measure.py", "{model}", "10"', b'"shards.py", "{model}"')
    repo.write(".theta/tests.toml", text)
    repo.git("add", ".")
    (cost,) = report(repo, *ADD, "shards", "--base", f"HEAD:{BASE}")
    assert cost["model"] == "shards/model.safetensors"
    assert cost["tests"][0]["before"] == 1.0
    assert repo.status().count("A  shards/model-") == 2
    assert repo.git("diff", "--name-only") == ""


#: Succeeds for a folder with two shards and their index.
SHARDS = b"""
import json, os, sys
index = json.load(open(f"{sys.argv[1]}/model.safetensors.index.json"))
shards = set(index["weight_map"].values())
print(json.dumps({"accuracy": float(len(shards) == 2 and shards < set(os.listdir(sys.argv[1])))}))
"""


@pytest.mark.parametrize(
    ("change", "args", "message"),
    [
        (None, (), "two isn't for one.safetensors"),
        ("raise SystemExit(3)", (), "doesn't hold test one as it is"),
        ("print('nan')", (), "doesn't hold test one as it is"),
        (None, ("--max-drop", "much"), "'much' isn't a drop"),
        (None, ("--base", "nowhere"), "nowhere"),
        (None, ("--guard", "three"), "there's no test 'three'"),
        (None, ("--tied",), "--tied is for updates with --update-data"),
    ],
)
def test_refusals_change_nothing(repo: Repo, change: str | None, args: tuple[str, ...], message: str) -> None:
    if change:
        repo.write("measure.py", change.encode())
    before = state(repo)
    words = ("add", "--update-type", "quantized", "--guard", "two", ONE) if "two" in message else (*ADD, ONE)
    done = repo.run_theta(*words, *args, ok=False)
    assert done.returncode != 0
    assert message in done.stderr
    assert state(repo) == before


#: Tells that it runs, waits until it's told to go on, and prints a metric.
SLOW = b"""
import os, sys, time
open("began", "w").close()
while not os.path.exists("go"):
    time.sleep(0.01)
print('{"accuracy": 1.0}')
"""


@contextmanager
def adding(repo: Repo) -> Iterator[subprocess.Popen[bytes]]:
    """`git theta add --guard` while its first test runs."""
    repo.write("slow.py", SLOW)
    text = repo.read(".theta/tests.toml").replace(b'"measure.py", "{model}", "10"', b'"slow.py", "{model}"')
    repo.write(".theta/tests.toml", text)
    words = [sys.executable, "-m", "git_theta", *ADD, ONE]
    program = subprocess.Popen(words, cwd=repo.path, stderr=subprocess.PIPE, start_new_session=True)
    try:
        while not (repo.path / "began").exists():
            assert program.poll() is None
            time.sleep(0.01)
        yield program
    finally:
        (repo.path / "go").touch()
        with suppress(ProcessLookupError):
            os.killpg(program.pid, signal.SIGKILL)
        program.communicate()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_an_end_in_the_middle_changes_nothing(repo: Repo, number: signal.Signals) -> None:
    index = repo.git("ls-files", "-s")
    with adding(repo) as program:
        program.send_signal(number)
        if number == signal.SIGKILL:
            (repo.path / "go").touch()
        assert program.wait(30) != 0
    assert repo.git("ls-files", "-s") == index
    assert repo.read(ONE) == safetensors_bytes(family()[ONE])
    assert report(repo, *ADD, ONE, "--budget", "2")


@pytest.mark.parametrize("how", ["written to", "staged"])
def test_a_change_meanwhile_is_kept(repo: Repo, how: str) -> None:
    other = safetensors_bytes(family()[TWO])
    with adding(repo) as program:
        if how == "staged":
            blob = repo.git("rev-parse", f":{TWO}").strip()
            repo.git("update-index", "--cacheinfo", f"100644,{blob},{ONE}")
        else:
            repo.write(ONE, other)
        index = repo.git("ls-files", "-s")
        (repo.path / "go").touch()
        _, told = program.communicate(timeout=60)
    assert program.returncode != 0
    assert f"{ONE} was {how} meanwhile" in told.decode()
    assert repo.git("ls-files", "-s") == index
    assert repo.read(ONE) == (other if how == "written to" else safetensors_bytes(family()[ONE]))


def test_a_full_disk_changes_nothing(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    before = state(repo)

    def full(*_args: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("git_theta.file_writer.os.pwrite", full)
    done = repo.run_theta(*ADD, ONE, ok=False)
    monkeypatch.undo()
    assert done.returncode != 0
    assert "no copy of one.safetensors can be written: No space left" in done.stderr
    assert state(repo) == before
