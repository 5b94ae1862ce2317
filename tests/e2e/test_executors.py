"""Tests and inference on the workers of a real cluster, each with a clone of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.helpers.cascades import family, made, new_base, path_of
from tests.helpers.dask_cluster import DaskCluster, dask_cluster
from tests.helpers.lineage_models import BASE, MNLI, SST, weights
from tests.helpers.repo import Repo

pytestmark = pytest.mark.slow

#: A script that says where it runs, takes its time, and prints a metric.
_SCRIPT = b"""
import os, pathlib, sys, time, zlib
model, marks, seconds = sys.argv[1:]
pathlib.Path(marks, str(os.getpid())).write_text(os.getcwd())
time.sleep(float(seconds))
print(zlib.crc32(open(model, "rb").read()))
"""


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[DaskCluster]:
    with dask_cluster(tmp_path / "cluster") as found:
        yield found


@pytest.fixture
def pushed(repo: Repo, tmp_path: Path) -> Repo:
    """Three models and a script, of which a bare repository has all."""
    Repo(tmp_path).git("init", "-q", "--bare", "origin.git")
    Repo(tmp_path / "origin.git").git("config", "uploadpack.allowFilter", "true")
    (tmp_path / "marks").mkdir()
    repo.git("remote", "add", "origin", f"file://{tmp_path}/origin.git")
    for path, changed in ((BASE, ()), (SST, (3,)), (MNLI, (2, 3, 3))):
        repo.write(path, weights(*changed))
    repo.write("eval.py", _SCRIPT)
    register(repo, tmp_path / "marks", 0.5)
    repo.commit("models")
    repo.git("push", "-q", "-u", "origin", "main")
    return repo


def register(repo: Repo, marks: Path, seconds: float) -> None:
    """Register a test that takes some seconds."""
    command = (sys.executable, "eval.py", "{model}", str(marks), str(seconds))
    repo.theta("test", "add", "crc", "--force", "--all", "--metric", r"regex:(\d+)", "--", *command)


def run(
    repo: Repo, *words: str, ok: bool = True, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `git theta` in a process of its own, as Dask's client has threads and handlers."""
    return repo.run(sys.executable, "-m", "git_theta", *words, ok=ok, env=env)


def values(stdout: str) -> dict[str, float]:
    return {each["model"]: each["value"] for each in json.loads(stdout)["results"]}


def wait_for(marks: Path, count: int) -> None:
    end = time.monotonic() + 60
    while len(list(marks.iterdir())) < count:
        assert time.monotonic() < end
        time.sleep(0.05)


def test_two_workers(pushed: Repo, cluster: DaskCluster, tmp_path: Path) -> None:
    words = ("test", "run", "--executor", cluster.address, "--json")
    cluster.add_worker("one")
    cluster.add_worker("two")
    here = values(run(pushed, "test", "run", "--json").stdout)
    found = run(pushed, *words, "--again")
    assert values(found.stdout) == here
    assert cluster.clones("one")
    assert cluster.clones("two")
    folders = {Path(mark.read_text()) for mark in (tmp_path / "marks").iterdir()}
    assert {folder == pushed.path for folder in folders} == {True, False}
    assert all(each["cached"] for each in json.loads(run(pushed, *words).stdout)["results"])
    infer = ("lineage", "infer", "--json")
    assert run(pushed, *infer, "--executor", cluster.address).stdout == run(pushed, *infer).stdout
    pushed.write("eval.py", _SCRIPT + b"\n")
    assert "workers can't see eval.py as it is here" in run(pushed, *words, ok=False).stderr
    pushed.commit("another script")
    done = run(pushed, *words, ok=False)
    assert "isn't in a branch of origin" in done.stderr
    assert done.returncode == 2


def test_workers_that_are_lost_cut_off_or_slow(pushed: Repo, cluster: DaskCluster, tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    register(pushed, marks, 4)
    pushed.commit("a slow test")
    pushed.git("push", "-q")
    settings = tmp_path / "cut-off"
    settings.write_text(
        f'[url "file://{tmp_path}/gone/"]\ninsteadOf = file://{tmp_path}/\ninsteadOf = {tmp_path}/\n'
    )
    cluster.add_worker("one")
    cluster.add_worker("two")
    cluster.add_worker("cut-off", {"GIT_CONFIG_GLOBAL": str(settings)})
    command = [sys.executable, "-m", "git_theta", "test", "run", "--executor", cluster.address, "--json"]
    with subprocess.Popen(command, cwd=pushed.path, stdout=-1, stderr=-1, text=True) as process:
        wait_for(marks, 2)
        cluster.kill("two")
        stdout, stderr = process.communicate(timeout=120)
    assert process.returncode == 0, stderr
    assert set(values(stdout)) == {BASE, SST, MNLI}
    assert "git clone failed" in stderr
    assert "it's tried on another worker" in stderr
    assert "was lost: its jobs run elsewhere" in stderr
    assert not cluster.clones("cut-off")
    cluster.kill("cut-off")
    cluster.add_worker("three")
    late = run(pushed, "test", "run", "crc", "sst2", "--again", "--timeout", "0.5", *command[5:], ok=False)
    assert "it took longer than 0.5 seconds; it's tried on another worker" in late.stderr
    assert late.returncode == 1
    assert "the command took longer than 0.5 s" in late.stdout


#: A script that prints the first number of a model, and leaves a trace.
_FIRST = b"""
import struct, sys
open("runs.log", "a").write("x")
data = open(sys.argv[1], "rb").read()
print(struct.unpack("<f", data[8 + struct.unpack("<Q", data[:8])[0] :][:4])[0])
"""


def test_a_search_of_strategies(pushed: Repo, cluster: DaskCluster) -> None:
    pushed.write("eval.py", _FIRST)
    command = (sys.executable, "eval.py", "{model}")
    pushed.theta("test", "add", "first", "--on", SST, "--metric", r"regex:(\S+)", "--", *command)
    pushed.commit("a metric")
    pushed.git("checkout", "-q", "-b", "side")
    pushed.write(SST, weights(0, 0, 0, 3))
    pushed.commit("side")
    pushed.git("checkout", "-q", "main")
    pushed.write(SST, weights(0, 1, 3))
    pushed.commit("ours")
    words = ("merge", "--search", "first", "--budget", "14", "--dry-run", "--json", "side")
    cluster.add_worker("one")
    cluster.add_worker("two")
    assert (
        "isn't in a branch of origin" in run(pushed, *words, "--executor", cluster.address, ok=False).stderr
    )
    pushed.git("push", "-q", "origin", "main", "side")
    there = run(pushed, *words, "--executor", cluster.address)
    assert cluster.clones("one")
    assert cluster.clones("two")
    assert "Traceback" not in there.stderr
    # Results of workers are kept: the same search runs nothing here.
    here = run(pushed, *words)
    assert not (pushed.path / "runs.log").exists()
    assert json.loads(there.stdout) == json.loads(here.stdout)
    assert len(json.loads(here.stdout)["trials"]) > 5


def test_a_cascade(repo: Repo, cluster: DaskCluster, tmp_path: Path) -> None:
    family(repo)
    new_base(repo)
    here = repo.copy(tmp_path / "apart" / "here")
    here.theta("cascade", "base")
    Repo(tmp_path).git("init", "-q", "--bare", "origin.git")
    repo.git("remote", "add", "origin", f"file://{tmp_path}/origin.git")
    cluster.add_worker("one")
    cluster.add_worker("two")
    words = ("cascade", "base", "--executor", cluster.address)
    assert "isn't in a branch of origin" in run(repo, *words, ok=False).stderr
    repo.git("push", "-q", "origin", "main")
    run(repo, *words)
    assert cluster.clones("one")
    assert cluster.clones("two")
    assert made(repo) == []
    assert repo.status() == ""
    for name in ("left", "right", "soup", "tail"):
        assert repo.read(path_of(name)) == here.read(path_of(name))
    assert "nothing is wrong" in run(repo, "lineage", "verify").stdout
    run(repo, "fsck")
    assert Repo(tmp_path / "origin.git").git("for-each-ref", "refs/theta/cascade") == ""


def test_a_cluster_that_isnt_there(pushed: Repo, cluster: DaskCluster) -> None:
    env = {"DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "1s"}
    done = run(pushed, "test", "run", "--executor", "dask:tcp://127.0.0.1:1", ok=False, env=env)
    assert "no scheduler of Dask answers at tcp://127.0.0.1:1" in done.stderr
    done = run(pushed, "lineage", "infer", "--executor", cluster.address, ok=False, env=env)
    assert "has no workers" in done.stderr


def test_a_scheduler_that_is_lost(pushed: Repo, cluster: DaskCluster, tmp_path: Path) -> None:
    register(pushed, tmp_path / "marks", 60)
    pushed.commit("a slow test")
    pushed.git("push", "-q")
    cluster.add_worker("one")
    command = [sys.executable, "-m", "git_theta", "test", "run", "crc", "sst2", "--executor", cluster.address]
    with subprocess.Popen(command, cwd=pushed.path, stdout=-1, stderr=-1, text=True) as process:
        wait_for(tmp_path / "marks", 1)
        cluster.kill_scheduler()
        stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "the scheduler was lost" in stdout
    assert "Traceback" not in stderr
    (mark,) = (tmp_path / "marks").iterdir()
    end = time.monotonic() + 60
    while Path(f"/proc/{mark.name}").exists():
        assert time.monotonic() < end
        time.sleep(0.05)
