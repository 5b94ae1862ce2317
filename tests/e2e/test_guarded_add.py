"""`git theta add --guard` with models that are really trained, and tests that really drop."""

from __future__ import annotations

import json
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

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


def test_the_smallest_models_that_hold_their_tests(repo: Repo) -> None:
    before = {name: measured(repo, name) for name in TASKS}
    costs = report(repo, *ADD, "--guard", "two", ONE, TWO, "--budget", "8")
    assert [cost["model"] for cost in costs] == [ONE, TWO]
    for cost in costs:
        name = cost["model"]
        assert 4 * cost["stored"] < cost["exact"] < cost["size"]
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
    assert cost["stored"] * 4 < cost["exact"]
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
