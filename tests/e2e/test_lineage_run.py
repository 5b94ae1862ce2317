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
    assert 0 <= found["run"]["seconds"] < 60
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
        (
            f"import shutil; shutil.copy('{BASE}', '{TUNED}'); open('{BASE}', 'ab').write(b'x')",
            f"parent {BASE} was changed while the command ran",
        ),
    ],
)
def test_failures_leave_everything_as_it_was(repo: Repo, script: str, message: str) -> None:
    before = state(repo)
    done = repo.run_theta("run", *WORDS, "--", sys.executable, "-c", script, "{out}", ok=False)
    assert done.returncode != 0
    assert message in done.stderr
    repo.git("restore", "data/step.txt", BASE)
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


def test_a_parent_that_was_made_from_the_output_is_refused(repo: Repo) -> None:
    repo.theta("run", *WORDS, *COMMAND)
    told = repo.theta("run", "--from", "tuned", "--out", BASE, "--", "touch", "ran", ok=False)
    assert f"{TUNED} is derived from {BASE} already" in told
    assert not (repo.path / "ran").exists()


def test_git_that_isnt_set_up_runs_nothing(repo: Repo) -> None:
    repo.git("config", "filter.theta.process", "")
    told = repo.theta("run", *WORDS, "--", "touch", "ran", ok=False)
    assert "isn't set up for git-theta" in told
    assert not (repo.path / "ran").exists()


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


def test_a_rerun_of_a_command_that_overwrites_nothing(repo: Repo) -> None:
    """The model wasn't there when the command ran first."""
    combine = (sys.executable, "-m", "git_theta", "combine", "-s", "average", BASE, BASE, "-o", "{out}")
    repo.theta("run", "--from", "base", "--out", "soup.safetensors", "--", *combine)
    repo.git("commit", "-q", "-m", "soup")
    assert "the same, bit for bit" in repo.theta("rerun", "soup.safetensors")
    assert repo.git("status", "--short") == ""


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


def test_a_folder_that_the_command_removed_comes_back(repo: Repo) -> None:
    repo.write(TUNED, b"nowhere else")
    script = "import shutil, sys; shutil.rmtree('tuned'); sys.exit(1)"
    told = repo.theta("run", "--dirty", *WORDS, "--", sys.executable, "-c", script, ok=False)
    assert "the command failed: exit code 1" in told
    assert repo.read(TUNED) == b"nowhere else"


def test_a_model_is_kept_elsewhere_if_a_folder_is_in_its_place(repo: Repo) -> None:
    repo.write(TUNED, b"nowhere else")
    script = f"import os; os.remove({TUNED!r}); os.makedirs({TUNED!r} + '/inner')"
    told = repo.theta("run", "--dirty", *WORDS, "--", sys.executable, "-c", script, ok=False)
    assert "the command put something else there" in told
    kept = told.partition("the old file is ")[2].splitlines()[0]
    with open(kept, "rb") as file:
        assert file.read() == b"nowhere else"


def test_places_of_outputs_are_checked_before_the_command_runs(repo: Repo) -> None:
    outside = repo.path.parent / "outside"
    outside.mkdir()
    (outside / "model.safetensors").write_bytes(b"mine")
    (repo.path / "link.safetensors").symlink_to(outside / "model.safetensors")
    (repo.path / "dangling.safetensors").symlink_to(outside / "nothing")
    (repo.path / "there").symlink_to(outside)
    (repo.path / "folder.safetensors").mkdir()
    os.mkfifo(repo.path / "pipe.safetensors")
    repo.write(".gitignore", b"ignored*\n")
    for outputs, message in (
        (("link.safetensors",), "link.safetensors is a link"),
        (("dangling.safetensors",), "dangling.safetensors is a link"),
        (("there/model.safetensors",), "there is a link"),
        (("folder.safetensors",), "folder.safetensors is a folder"),
        (("pipe.safetensors",), "pipe.safetensors isn't a regular file"),
        ((".git/a.safetensors",), "in a folder of Git's own"),
        (("ignored.safetensors",), "ignored.safetensors is ignored"),
        (("a.safetensors", "./a.safetensors"), "a.safetensors is named twice"),
    ):
        before = state(repo)
        words = [word for path in outputs for word in ("--out", path)]
        told = repo.theta("run", "--dirty", *words, "--", "touch", "started", "{out}", ok=False)
        assert message in told, outputs
        assert state(repo) == before
    assert (outside / "model.safetensors").read_bytes() == b"mine"
    assert os.listdir(outside) == ["model.safetensors"]


@pytest.mark.slow
def test_records_are_checked_before_the_command_runs(repo: Repo) -> None:
    repo.write(".gitignore", b".theta\n")
    told = repo.theta("run", *WORDS, "--", "touch", "{out}", ok=False)
    assert f"{RECORD} is ignored" in told
    repo.write(".gitignore", b"")
    repo.write(RECORD, b"bad [\n")
    before = state(repo)
    assert "isn't valid TOML" in repo.theta("run", *WORDS, "--", "touch", "{out}", ok=False)
    assert state(repo) == before
    (repo.path / RECORD).unlink()
    told = repo.theta("run", *WORDS, "--", "touch", "{out}", "w\udcff", ok=False)
    assert "bytes that aren't UTF-8" in told
    assert "unexpected" not in told
    for number in range(4000):
        repo.write(f"many/{number:0100}.txt", b"")
    repo.git("add", "many")
    told = repo.theta("run", "--input", "many", "--out", TUNED, "--", "touch", "{out}", ok=False)
    assert "larger than 256 KiB" in told
    assert not (repo.path / TUNED).exists()


def test_names_of_outputs_are_no_patterns(repo: Repo) -> None:
    other = repo.write("a1.safetensors", repo.read(BASE))
    repo.theta("run", "--out", "a[1].safetensors", "--", "cp", BASE, "{out}")
    assert other.exists()
    assert repo.git("ls-files", "--", "a*").split() == ["a[1].safetensors"]


def test_a_failure_leaves_what_was_staged(repo: Repo) -> None:
    repo.write(TUNED, repo.read(BASE))
    repo.git("add", TUNED)
    repo.write("b.safetensors", repo.read(BASE))
    repo.git("add", "b.safetensors")
    before = repo.git("ls-files", "-s")
    repo.git("config", "filter.theta.process", "false")
    repo.git("config", "filter.theta.clean", "false")
    told = repo.theta("run", "--dirty", "--out", TUNED, "--", "cp", "tune.py", "{out}", ok=False)
    assert "can't be added" in told
    assert "in the work tree, as the command made them" in told
    assert repo.git("ls-files", "-s") == before
    assert repo.read(TUNED) == TUNE


def test_a_rerun_of_a_hostile_record(repo: Repo) -> None:
    repo.theta("run", *WORDS, *COMMAND)
    repo.git("commit", "-q", "-m", "tuned")
    outside = repo.path.parent / "outside"
    outside.mkdir()
    (repo.path / "there").symlink_to(outside)
    for run, message in (
        ('command = ["touch", "started"]\noutputs = ["there/new/a.safetensors"]', "there is a link"),
        ('command = ["touch", "started"]\noutputs = ["new.safetensors"]', "Git has no new.safetensors"),
        ('command = ["touch", "started"]\nfolder = "nowhere"', "there's no folder nowhere"),
        ('command = ["touch", "started"]\nfolder = "there"', "there is a link"),
        ('command = ["touch\\u0000"]', "can't be run"),
    ):
        repo.write(RECORD, f"[run]\n{run}\n".encode())
        told = repo.theta("rerun", TUNED, ok=False)
        assert message in told
        assert "unexpected" not in told
    assert os.listdir(outside) == []
    assert not (repo.path / "started").exists()


def test_models_that_cant_be_copied_stay(repo: Repo) -> None:
    repo.write(TUNED, repo.read(BASE) * 50)
    limited = 'ulimit -f 40; trap "" XFSZ; exec "$@"'
    words = ("run", "--dirty", "--out", TUNED, "--", "touch", "started")
    done = subprocess.run(
        ["bash", "-c", limited, "bash", sys.executable, "-m", "git_theta", *words],
        cwd=repo.path,
        capture_output=True,
    )
    assert done.returncode != 0
    assert b"File too large" in done.stderr
    assert repo.read(TUNED) == repo.read(BASE) * 50
    assert not (repo.path / "started").exists()
    assert not list((repo.path / ".git/theta/tmp").glob("run-*"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_the_command_ends_with_the_run(repo: Repo, number: signal.Signals) -> None:
    before = state(repo)
    script = "import os, sys, time; open(sys.argv[1], 'w'); print(os.getpid(), flush=True); time.sleep(60)"
    words = ("run", *WORDS, "--", sys.executable, "-c", script, "{out}")
    program = subprocess.Popen(
        [sys.executable, "-m", "git_theta", *words],
        cwd=repo.path,
        stdout=-1,
        stderr=-1,
        start_new_session=True,
    )
    assert program.stdout
    inner = int(program.stdout.readline())
    program.send_signal(number)
    _, stderr = program.communicate(timeout=20)
    assert f"{number.name} ended the command".encode() in stderr
    assert state(repo) == before
    with pytest.raises(ProcessLookupError):
        os.kill(inner, 0)


def test_the_lock_of_the_index_is_waited_for(repo: Repo) -> None:
    script = "import os, sys, shutil, subprocess; shutil.copy(sys.argv[1], sys.argv[2])"
    script += "; open('.git/index.lock', 'w')"
    script += "; subprocess.Popen('exec >&- 2>&-; sleep 0.5; rm .git/index.lock', shell=True)"
    told = repo.theta("run", *WORDS, "--", sys.executable, "-c", script, BASE, "{out}")
    assert "recorded" in told
    assert repo.git("ls-files", "--", TUNED, RECORD).split() == [RECORD, TUNED]


def test_records_behind_a_link_arent_read(repo: Repo) -> None:
    repo.write(TUNED, repo.read(BASE))
    repo.commit("tuned")
    outside = repo.path.parent / "outside"
    outside.mkdir()
    (outside / "model.safetensors.toml").write_bytes(b'[run]\ncommand = ["touch", "started"]\n')
    (repo.path / RECORD).parent.parent.mkdir(parents=True)
    (repo.path / RECORD).parent.symlink_to(outside)
    assert "is a link" in repo.theta("rerun", TUNED, ok=False)
    assert not (repo.path / "started").exists()
