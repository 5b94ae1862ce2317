"""`git theta cascade` by recorded commands, with real Git: stories, and what goes wrong."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from git_theta.evaluation.model_test import ModelTest
from git_theta.evaluation.tests_text import TESTS_FILE, with_test
from tests.helpers.cascades import (
    FAMILY,
    base_weights,
    family,
    log_of,
    made,
    mean_of,
    new_base,
    path_of,
    state,
)
from tests.helpers.repo import Repo


@pytest.fixture(scope="session")
def built(tracked: Repo, tmp_path_factory: pytest.TempPathFactory) -> Repo:
    """The family with another base, to be copied."""
    repo = family(tracked.copy(tmp_path_factory.mktemp("family") / "repo"))
    new_base(repo)
    return repo


@pytest.fixture
def repo(built: Repo, tmp_path: Path) -> Repo:
    """A family whose base has another version than the one that it was made from."""
    return built.copy(tmp_path / "repo")


def slow(*values: str) -> Any:
    """Parameters of a variant that runs with the slow tests."""
    return pytest.param(*values, marks=pytest.mark.slow)


def cascade(repo: Repo, *words: str) -> tuple[int, dict[str, Any]]:
    """The exit code and the JSON of a cascade."""
    done = repo.run_theta("cascade", *words, "--json", ok=False)
    return done.returncode, json.loads(done.stdout)


def statuses(found: dict[str, Any]) -> dict[str, str]:
    return {step["model"].partition("/")[0]: step["status"] for step in found["steps"]}


def set_number(repo: Repo, name: str, text: str) -> None:
    """Commit another number, with which a model is made."""
    repo.write(f"data/{name}.txt", text.encode())
    repo.git("commit", "-q", "-a", "-m", f"{name} by {text}")


def test_an_updated_base(repo: Repo) -> None:
    plan = json.loads(repo.run_theta("cascade", "base", "--dry-run", "--json").stdout)
    assert [step["model"] for step in plan["steps"]] == [path_of(name) for name in FAMILY]
    assert {step["ok"] for step in plan["steps"]} == {None}
    assert f"make.py '{{out}}' data/left.txt {path_of('base')}" in repo.theta("cascade", "base", "--dry-run")
    assert made(repo) == []
    told = repo.theta("cascade", "base")
    assert "4 models to make, in about" in told
    assert "soup/model.safetensors  by its command from left/model.safetensors, right/model" in told
    assert "make.py" not in told
    assert "4 models made, and committed" in told
    assert made(repo) == ["left", "right", "soup", "tail"]
    assert abs(mean_of(repo, "tail") - mean_of(repo, "base") - (1 + 2) / 2 - 3 - 4) < 1e-4
    assert repo.status() == ""
    assert repo.git("log", "--format=%s", "-2").splitlines() == [
        "Make 4 models again from base/model.safetensors",
        "another base",
    ]
    assert "nothing is wrong" in repo.theta("lineage", "verify")
    assert "nothing to make" in repo.theta("cascade", "base")


def test_a_commit_for_each_model(repo: Repo) -> None:
    code, found = cascade(repo, "base", "--commit", "each", "--only", "left", "--only", "soup")
    assert (code, statuses(found)) == (0, {"left": "made", "soup": "made"})
    assert found["left"] == {path_of("right"): "not named by --only", path_of("tail"): "not named by --only"}
    assert repo.git("log", "--format=%s", "-2").splitlines() == [
        "Make soup/model.safetensors again from left/model.safetensors",
        "Make left/model.safetensors again from base/model.safetensors",
    ]
    assert set(repo.git("show", "--format=", "--name-only").split()) == {
        path_of("soup"),
        f".theta/lineage/{path_of('soup')}.toml",
    }


def test_no_commit_and_other_staged_changes(repo: Repo) -> None:
    repo.write("other.txt", b"mine")
    repo.git("add", "other.txt")
    before = state(repo)
    told = repo.theta("cascade", "base", ok=False)
    assert "the index has changes that aren't committed, such as other.txt" in told
    assert state(repo) == before
    repo.theta("cascade", "base", "--only", "left", "--commit", "none")
    assert repo.status().splitlines() == [
        f"M  .theta/lineage/{path_of('left')}.toml",
        f"M  {path_of('left')}",
        "A  other.txt",
    ]


@pytest.mark.slow
def test_a_branch_that_fails_and_is_mended(repo: Repo) -> None:
    set_number(repo, "left", "none")
    old = repo.read(path_of("left"))
    code, found = cascade(repo, "base")
    assert code == 1
    assert statuses(found) == {"left": "failed", "right": "made", "soup": "blocked", "tail": "blocked"}
    assert [step["ok"] for step in found["steps"]] == [False, True, False, False]
    assert found["steps"][0]["problem"] == "the command failed: exit code 1"
    assert found["steps"][2]["problem"] == "left/model.safetensors couldn't be made again"
    assert (repo.read(path_of("left")), repo.status()) == (old, "")
    assert "a cascade isn't finished" in repo.theta("cascade", "base", ok=False)
    set_number(repo, "left", "7")
    told = repo.theta("cascade", "--continue")
    assert "4 models made, and committed" in told
    # The model that was made is there, and isn't made again.
    assert made(repo) == ["right", "left", "soup", "tail"]
    assert "nothing is wrong" in repo.theta("lineage", "verify")
    assert "there's no cascade" in repo.theta("cascade", "--continue", ok=False)


@pytest.mark.parametrize(
    ("commit", "told"),
    [("once", ", and 1 commit fewer"), slow("each", ", and 2 commits fewer"), slow("none", "\n")],
)
def test_abort_puts_all_back(repo: Repo, commit: str, told: str) -> None:
    set_number(repo, "soup", "none")
    before = state(repo)
    code, _ = cascade(repo, "base", "--commit", commit)
    assert code == 1
    assert f"2 models as before the cascade{told}" in repo.theta("cascade", "--abort")
    assert (state(repo), repo.status()) == (before, "")


@pytest.mark.slow
def test_commits_that_nobody_noted_and_those_of_others(repo: Repo) -> None:
    set_number(repo, "left", "none")
    before = state(repo)
    cascade(repo, "base")
    # As if it had been killed between the commit and the note of it.
    place = repo.path / ".git/theta/cascade.json"
    text = json.loads(place.read_text())
    place.write_text(json.dumps({**text, "head": text["start"], "is_committing": True}))
    assert "1 model as before the cascade, and 1 commit fewer" in repo.theta("cascade", "--abort")
    assert state(repo) == before
    cascade(repo, "base")
    repo.write("other.txt", b"mine")
    repo.commit("mine")
    assert "git revert" in repo.theta("cascade", "--abort", ok=False)
    repo.theta("cascade", "--quit")
    assert made(repo) == ["right", "right"]
    assert repo.git("log", "--format=%s", "-1").strip() == "mine"


@pytest.mark.slow
def test_guards(repo: Repo) -> None:
    """MGit takes every metric for one of which more is better."""
    loss = ModelTest(
        "loss",
        (sys.executable, "measure.py", "{model}"),
        ("relation:finetune",),
        "json:mean",
        higher_is_better=False,
        max_drop=5.0,
    )
    # Old versions are compared with the parents that they were made from, and new ones with the new parents.
    gap = ModelTest("gap", (*loss.command, "{parent}"), loss.on, "json:gap", max_drop=0.01)
    repo.write(TESTS_FILE, with_test(with_test(b"", loss), gap))
    repo.commit("a test")
    code, found = cascade(repo, "base")
    assert code == 1
    assert statuses(found) == {"left": "rejected", "right": "rejected", "soup": "blocked", "tail": "blocked"}
    assert "loss drops from" in found["steps"][0]["problem"]
    assert 10 < found["steps"][0]["value"] < 12
    _, compared = found["steps"][0]["tests"]
    assert abs(compared["before"] - 1) < 1e-4
    assert abs(compared["after"] - 1) < 1e-4
    assert repo.status() == ""
    assert repo.git("log", "--format=%s", "-1").strip() == "a test"
    code, found = cascade(repo, "--continue", "--max-drop", "20")
    assert (code, set(statuses(found).values())) == (0, {"made"})
    values = {step["model"].partition("/")[0]: step["value"] for step in found["steps"]}
    assert values["soup"] is None
    assert abs(values["tail"] - mean_of(repo, "tail")) < 1e-5
    assert "loss " in repo.git("log", "-1", "--format=%b")


def test_where_branches_end(repo: Repo) -> None:
    """MGit ignores the function that says where to end."""
    code, found = cascade(repo, "base", "--until", "path == 'left/model.safetensors'")
    assert code == 0
    assert statuses(found) == {"left": "made", "right": "made", "soup": "stopped", "tail": "stopped"}
    assert [step["ok"] for step in found["steps"]] == [True, True, None, None]
    assert "isn't a condition" in repo.theta("cascade", "base", "--until", "depth >", ok=False)


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("open(sys.argv[1], 'w').write('no model')", "in another format: opaque, not safetensors"),
        ("time.sleep(60)", "took longer than 0.5 seconds"),
        ("open(PATH, 'ab').write(b'x'); shutil.copy(PATH, sys.argv[1])", "parent base/model.safetensors was"),
        slow("pass", "the command made no file left/model.safetensors"),
        slow("open(sys.argv[1], 'w')", "the command left left/model.safetensors empty"),
        slow("os.fork() or time.sleep(60)", "the command made no file"),
        slow("open('data/left.txt', 'w').write('5'); shutil.copy(PATH, sys.argv[1])", "was changed while"),
        slow("os.kill(os.getpid(), 9)", "SIGKILL ended the command"),
    ],
)
def test_commands_that_go_wrong(repo: Repo, script: str, message: str) -> None:
    imports = f"import os, shutil, sys, time; PATH = {path_of('base')!r}; "
    repo.write("make.py", (imports + script).encode())
    repo.git("commit", "-q", "-a", "-m", "a bad script")
    before = state(repo)
    code, found = cascade(repo, "base", "--only", "left", "--timeout", "0.5")
    assert (code, found["steps"][0]["status"]) == (1, "failed")
    assert message in found["steps"][0]["problem"]
    repo.git("restore", "data/left.txt", path_of("base"))
    assert state(repo) == before
    repo.theta("cascade", "--abort")
    assert (state(repo), repo.status()) == (before, "")


def test_changes_that_git_does_not_have_are_kept(repo: Repo) -> None:
    for path, message in (
        (path_of("soup"), "soup/model.safetensors has changes"),
        (f".theta/lineage/{path_of('tail')}.toml", "tail/model.safetensors.toml has changes"),
    ):
        old = repo.read(path)
        repo.write(path, old + b"\n")
        told = repo.theta("cascade", "base", ok=False)
        assert message in told
        assert repo.read(path) == old + b"\n"
        repo.write(path, old)
    assert made(repo) == []
    repo.write(path_of("base"), base_weights(5))
    assert "base/model.safetensors isn't as Git has it" in repo.theta("cascade", "base", ok=False)


@pytest.mark.slow
def test_head_moves_in_the_middle(repo: Repo) -> None:
    commit = ["git", "commit", "-q", "--allow-empty", "-m", "mine"]
    script = f"\nimport subprocess\nif 'left' in out: subprocess.run({commit})\n"
    repo.write("make.py", repo.read("make.py") + script.encode())
    repo.git("commit", "-q", "-a", "-m", "a script that commits")
    told = repo.theta("cascade", "base", ok=False)
    assert "HEAD moved while the cascade was at work" in told
    assert made(repo) == ["left"]
    repo.git("switch", "-q", "-c", "other")
    assert "HEAD is elsewhere" in repo.theta("cascade", "--continue", ok=False)
    repo.git("switch", "-q", "main")
    assert "4 models made" in repo.theta("cascade", "--continue")
    assert made(repo) == ["left", "right", "soup", "tail"]


@pytest.mark.slow
def test_a_parent_that_comes_out_as_it_was(repo: Repo) -> None:
    """Models below need no run then, as in systems that build programs."""
    constant = b'step = 1.0 if "left" in out else float(open(number).read())'
    script = repo.read("make.py").replace(b"step = float(open(number).read())", constant)
    script = script.replace(
        b"sum(values) / len(values) + step", b'(0 if "left" in out else sum(values)) + step'
    )
    repo.write("make.py", script)
    repo.git("commit", "-q", "-a", "-m", "left is constant")
    repo.theta("cascade", "base")
    new_base(repo, 20.0)
    repo.write(f".theta/lineage/{path_of('tail')}.toml", b"no [ TOML")
    done = repo.run_theta("cascade", "base", "--skip", "right", "--json", ok=False)
    assert f"the record of {path_of('tail')} can't be read" in done.stderr
    assert statuses(json.loads(done.stdout)) == {"left": "made", "soup": "current"}


@pytest.mark.slow
def test_commands_at_once(repo: Repo) -> None:
    """Both wait for each other, so one after the other they'd fail; neither touches the work tree."""
    meet = b"""
import os, time
assert os.path.islink("link.txt")
name = out.partition("/")[0]
open(f"{ROOT}/{name}.here", "w")
other = {"left": "right", "right": "left"}.get(name)
while other and not os.path.exists(f"{ROOT}/{other}.here"):
    time.sleep(0.02)
open(os.path.join(ROOT, "made.log"), "a").write(out + "\\n")
"""
    script = repo.read("make.py").replace(b'open("../made.log", "a").write(out + "\\n")\n', meet)
    repo.write("make.py", f"ROOT = {str(repo.path.parent)!r}\n".encode() + script)
    (repo.path / "link.txt").symlink_to("data/left.txt")
    repo.commit("a script")
    old = state(repo)[2]
    # Variables that name the repository are for the work tree, and not for the scratch ones.
    env = {"GIT_DIR": str(repo.path / ".git"), "GIT_WORK_TREE": str(repo.path)}
    words = ("base", "-j", "2", "--timeout", "60", "--commit", "each", "--json")
    found = json.loads(repo.run_theta("cascade", *words, env=env).stdout)
    assert set(statuses(found).values()) == {"made"}, found
    assert sorted(made(repo)[:2]) == ["left", "right"]
    assert made(repo)[2:] == ["soup", "tail"]
    assert repo.status() == ""
    new = state(repo)[2]
    assert {path for path in new if old.get(path) != new[path]} == {
        each for name in FAMILY for each in (path_of(name), f".theta/lineage/{path_of(name)}.toml")
    }
    assert abs(mean_of(repo, "tail") - mean_of(repo, "base") - (1 + 2) / 2 - 3 - 4) < 1e-4
    assert "nothing is wrong" in repo.theta("lineage", "verify")
    assert len(repo.git("worktree", "list").splitlines()) == 1
    assert not list((repo.path / ".git/theta/cascade-trees").iterdir())


def start(repo: Repo, *words: str) -> subprocess.Popen[bytes]:
    """A cascade in a process of its own, that has begun to make `right`, which takes a minute."""
    ready = repo.path.parent / "ready"
    slow = f"\nif 'right' in out:\n    open({str(ready)!r}, 'w')\n    import time; time.sleep(60)\n"
    script = repo.read("make.py")
    repo.write("make.py", script.replace(b"\nopen(", slow.encode() + b"\nopen(", 1))
    repo.git("commit", "-q", "-a", "-m", "slow")
    program = subprocess.Popen(
        [sys.executable, "-m", "git_theta", "cascade", "base", *words],
        cwd=repo.path,
        stdout=-1,
        stderr=-1,
        start_new_session=True,
    )
    end = time.monotonic() + 60
    while not ready.exists() and time.monotonic() < end:
        time.sleep(0.05)
    assert ready.exists()
    repo.write("make.py", script)
    return program


def test_a_killed_cascade_goes_on_without_repeating(repo: Repo) -> None:
    program = start(repo)
    told = repo.theta("cascade", "base", ok=False)
    assert "a cascade is at work in this work tree" in told
    os.killpg(program.pid, signal.SIGKILL)
    program.communicate()
    # Half of a model, and the script as it was.
    repo.write(path_of("right"), b"half")
    repo.git("commit", "-q", "-m", "quick", "make.py")
    assert "4 models made" in repo.theta("cascade", "--continue")
    assert made(repo) == ["left", "right", "soup", "tail"]
    assert repo.status() == ""


@pytest.mark.parametrize(
    "words",
    [
        (),
        pytest.param(("--timeout", "50"), marks=pytest.mark.slow),
        pytest.param(("-j", "2", "--only", "left", "--only", "right"), marks=pytest.mark.slow),
    ],
)
def test_ctrl_c_stops_a_cascade(repo: Repo, words: tuple[str, ...]) -> None:
    program = start(repo, *words)
    os.killpg(program.pid, signal.SIGINT)
    _, stderr = program.communicate(timeout=30)
    assert program.returncode != 0
    assert b"git theta cascade --continue goes on" in stderr
    repo.git("restore", "make.py")
    repo.theta("cascade", "--abort")
    assert repo.status() == ""
    assert abs(mean_of(repo, "left") - 1) < 0.2


def test_a_damaged_state(repo: Repo) -> None:
    place = repo.path / ".git/theta/cascade.json"
    place.write_bytes(b"{}")
    for words in (("base",), ("--continue",), ("--abort",)):
        assert "isn't the state of a cascade" in repo.theta("cascade", *words, ok=False)
    repo.theta("cascade", "--quit", ok=False)
    assert not place.exists()


def test_a_hook_that_refuses_a_commit(repo: Repo) -> None:
    hook = repo.path / ".git/hooks/pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho never >&2\nexit 1\n")
    hook.chmod(0o755)
    told = repo.theta("cascade", "base", "--only", "left", ok=False)
    assert "git commit failed: never" in told
    assert "git theta cascade --continue commits them" in told
    hook.unlink()
    assert "1 model made, and committed" in repo.theta("cascade", "--continue")
    assert (made(repo), repo.status()) == (["left"], "")


def test_bad_requests(repo: Repo) -> None:
    for words, message in (
        ((), "which model was updated"),
        (("nothing",), "isn't a model"),
        (("base", "--to", "base"), "isn't made from base"),
        (("base", "--only", "x"), "no descendant has such a path"),
        (("base", "--abort"), "goes with no other choice"),
        (("--continue", "--abort"), "goes with no other choice"),
        (("base", "--max-drop", "nan"), "isn't a drop"),
        (("base", "--timeout", "0"), "isn't a number of seconds"),
    ):
        assert message in repo.theta("cascade", *words, ok=False), words
    assert not log_of(repo).exists()
