"""`git theta run` and `git theta rerun` with real Git and real commands."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
import tomllib
from typing import Any

import numpy as np
import pytest

from tests.helpers.checkpoints import safetensors_arrays, safetensors_bytes
from tests.helpers.repo import Repo

BASE, TUNED = "base/model.safetensors", "tuned/model.safetensors"
RECORD = f".theta/lineage/{TUNED}.toml"

#: Adds a number to each of a model's values: `tune.py BASE OUT NUMBER`.
TUNE = b"""
import struct, sys, json
data = bytearray(open(sys.argv[1], "rb").read())
start = 8 + struct.unpack("<Q", data[:8])[0]
import array
values = array.array("f", bytes(data[start:]))
step = float(open(sys.argv[3]).read())
for i in range(len(values)):
    values[i] += step
open(sys.argv[2], "wb").write(bytes(data[:start]) + values.tobytes())
"""


@pytest.fixture
def repo(repo: Repo) -> Repo:
    """A base, a script, and its data."""
    random = np.random.default_rng(0)
    arrays = {f"l.{i}": random.standard_normal((16, 16)).astype("f4") for i in range(3)}
    repo.write(BASE, safetensors_bytes(arrays))
    repo.write("tune.py", TUNE)
    repo.write("data/step.txt", b"0.5\n")
    repo.commit("start")
    return repo


WORDS = ("--from", "base", "--input", "data", "--out", TUNED, "--relation", "finetune")
COMMAND = ("--", sys.executable, "tune.py", BASE, "{out}", "data/step.txt")


def record(repo: Repo) -> dict[str, Any]:
    return tomllib.loads(repo.read(RECORD).decode())


def state(repo: Repo) -> tuple[str, set[str]]:
    files = {str(path.relative_to(repo.path)) for path in repo.path.rglob("*") if ".git/" not in str(path)}
    return repo.git("status", "--short", "-uall"), files


def test_a_run_is_recorded(repo: Repo) -> None:
    told = repo.theta("run", *WORDS, "--why", "for a test", "--seed", "3", *COMMAND)
    assert "recorded, with 2 inputs, and staged: git commit" in told
    found = record(repo)
    assert (found["relation"], found["why"], found["run"]["seed"]) == ("finetune", "for a test", 3)
    assert found["run"]["command"] == list(COMMAND[1:])
    assert found["run"]["inputs"] == {
        path: f"git:{repo.git('rev-parse', f'HEAD:{path}').strip()}" for path in ("data/step.txt", "tune.py")
    }
    assert found["run"]["environment"]["python"] == ".".join(map(str, sys.version_info[:3]))
    assert found["parent"][0]["path"] == BASE
    old, new = (safetensors_arrays(repo.read(path)) for path in (BASE, TUNED))
    np.testing.assert_allclose(new["l.0"], old["l.0"] + 0.5, rtol=1e-5)
    assert repo.git("status", "--short").splitlines() == [f"A  {RECORD}", f"A  {TUNED}"]
    repo.git("commit", "-q", "-m", "tuned")
    assert "1 derivation: nothing is wrong" in repo.theta("lineage", "verify")


def test_several_outputs(repo: Repo) -> None:
    script = "import shutil, sys; [shutil.copy(sys.argv[1], each) for each in sys.argv[2:]]"
    words = ("--from", "base", "--out", "a.safetensors", "--out", "heads/b.safetensors")
    repo.theta("run", *words, "--", sys.executable, "-c", script, BASE, "{out1}", "{out2}")
    for name in ("a.safetensors", "heads/b.safetensors"):
        found = tomllib.loads(repo.read(f".theta/lineage/{name}.toml").decode())
        assert found["run"]["outputs"] == ["a.safetensors", "heads/b.safetensors"]
        assert found["parent"][0]["path"] == BASE


def test_a_folder_and_spaces(repo: Repo) -> None:
    repo.write("my code/tune it.py", TUNE)
    repo.commit("more")
    inside = Repo(repo.path / "my code")
    command = (sys.executable, "tune it.py", f"../{BASE}", "{out}", "../data/step.txt")
    inside.theta("run", "--from", "../base", "--out", "out model.safetensors", "--", *command)
    text = repo.read(".theta/lineage/my code/out model.safetensors.toml").decode()
    found = tomllib.loads(text)["run"]
    assert found["folder"] == "my code"
    assert set(found["inputs"]) == {"my code/tune it.py", "data/step.txt"}
    assert "the same, bit for bit" in repo.theta("rerun", "my code/out model.safetensors")


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("import sys; sys.exit(3)", "the command failed: exit code 3"),
        ("import sys; open(sys.argv[1], 'w').write('half'); sys.exit(1)", "exit code 1"),
        ("pass", "the command made no file"),
        ("import sys; open(sys.argv[1], 'w').close()", "left tuned/model.safetensors empty"),
        ("import os; os.kill(os.getpid(), 9)", "SIGKILL ended the command"),
        (
            "import shutil; shutil.copy('tune.py', 'tuned/model.safetensors'); open('data/step.txt', 'w')",
            "input data/step.txt was changed while the command ran",
        ),
    ],
)
def test_failures_leave_everything_as_it_was(repo: Repo, script: str, message: str) -> None:
    before = state(repo)
    done = repo.run_theta("run", *WORDS, "--", sys.executable, "-c", script, "{out}", ok=False)
    assert done.returncode != 0
    assert message in done.stderr
    repo.git("restore", "data/step.txt")
    assert state(repo) == before


def test_a_failure_gives_the_old_model_back(repo: Repo) -> None:
    repo.theta("run", *WORDS, *COMMAND)
    repo.git("commit", "-q", "-m", "tuned")
    before, old = state(repo), repo.read(TUNED)
    script = "import sys; open(sys.argv[1], 'w').write('half'); sys.exit(1)"
    repo.theta("run", *WORDS, "--", sys.executable, "-c", script, "{out}", ok=False)
    assert (state(repo), repo.read(TUNED)) == (before, old)
    assert "didn't write" in repo.theta("run", *WORDS, "--", sys.executable, "-c", "pass", ok=False)
    repo.theta("run", *WORDS, "--keep", "--", sys.executable, "-c", script, "{out}", ok=False)
    assert repo.read(TUNED) == b"half"


def test_dirty_files_are_refused(repo: Repo) -> None:
    repo.write("data/step.txt", b"0.25\n")
    told = repo.theta("run", *WORDS, *COMMAND, ok=False)
    assert "data/step.txt isn't as Git has it" in told
    repo.theta("run", "--dirty", *WORDS, *COMMAND)
    oid = repo.git("hash-object", "data/step.txt").strip()
    assert record(repo)["run"]["inputs"]["data/step.txt"] == f"git:{oid}"
    repo.git("commit", "-q", "-a", "-m", "all")
    (repo.path / BASE).write_bytes(b"other")
    assert f"{BASE} isn't as Git has it" in repo.theta("run", *WORDS, *COMMAND, ok=False)
    repo.git("restore", BASE)
    (repo.path / TUNED).write_bytes(b"mine")
    assert f"{TUNED} has changes that Git doesn't have" in repo.theta("run", *WORDS, *COMMAND, ok=False)
    assert repo.read(TUNED) == b"mine"


def test_the_version_of_a_dirty_parent_is_unknown(repo: Repo) -> None:
    data = bytearray(repo.read(BASE))
    data[-1] ^= 1
    repo.write(BASE, bytes(data))
    repo.theta("run", "--dirty", *WORDS, *COMMAND)
    assert record(repo)["parent"] == [{"path": BASE}]


def test_parents_of_before_are_told(repo: Repo) -> None:
    repo.theta("run", *WORDS, *COMMAND)
    repo.git("commit", "-q", "-m", "tuned")
    told = repo.theta("run", "--out", TUNED, *COMMAND)
    assert f"the parents are as before: {BASE}" in told
    assert record(repo)["parent"][0]["path"] == BASE


def test_bad_requests(repo: Repo) -> None:
    for words, message in (
        (("--out", "x.unknown", "--", "true"), "isn't tracked"),
        (("--", "true"), "what does the command make"),
        (("--out", TUNED), "which command"),
        (("--out", TUNED, "--", "true", "{out2}"), "{out2} isn't an output"),
        (("--from", "nothing", "--out", TUNED, "--", "true"), "isn't a model"),
        (("--from", "base", "--out", BASE, "--", "true"), "can't be made from itself"),
        (("--input", "nothing", "--out", TUNED, "--", "true"), "Git doesn't have nothing"),
        (("--out", TUNED, "--", "no-such-program"), "can't be run"),
        (("--out", "../out.safetensors", "--", "true"), "isn't a path of a file in this repository"),
    ):
        assert message in repo.theta("run", *words, ok=False), words


def test_a_rerun(repo: Repo) -> None:
    repo.theta("run", *WORDS, *COMMAND)
    repo.git("commit", "-q", "-m", "tuned")
    old = repo.read(TUNED)
    assert "the same, bit for bit" in repo.theta("rerun", "tuned")
    repo.write("data/step.txt", b"1.0\n")
    repo.commit("another step")
    told = repo.theta("rerun", "tuned", "--dry-run")
    assert "input data/step.txt has changed" in told
    assert shlex.join(COMMAND[1:]) in told
    done = repo.run_theta("rerun", "tuned", "--json", ok=False)
    found = json.loads(done.stdout)
    assert done.returncode == 1
    assert (found["models"][0]["same"], found["models"][0]["changed"]) == (False, 3)
    assert 0.1 < found["models"][0]["distance"] < 1
    assert repo.read(TUNED) == old
    repo.theta("rerun", "tuned", "--keep", ok=False)
    assert repo.read(TUNED) != old
    assert "isn't known how base" in repo.theta("rerun", "base", ok=False)


def test_ctrl_c_leaves_everything_as_it_was(repo: Repo) -> None:
    before = state(repo)
    script = (
        "import sys, time; open(sys.argv[1], 'w').write('half'); print('ready', flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-m", "git_theta", "run", *WORDS, "--", sys.executable, "-c", script, "{out}"]
    program = subprocess.Popen(
        command, cwd=repo.path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    assert program.stdout
    assert program.stdout.readline() == b"ready\n"
    time.sleep(0.1)
    os.killpg(program.pid, signal.SIGINT)
    _, stderr = program.communicate(timeout=20)
    assert program.returncode != 0
    assert b"Traceback" not in stderr.split(b"KeyboardInterrupt")[-1]
    assert state(repo) == before
