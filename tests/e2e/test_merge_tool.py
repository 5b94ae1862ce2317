"""Interactive decisions about a conflict: the tool, git's mergetool, and prompts during a merge."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.repo import Repo

NAME = "m.safetensors"
LAYERS = tuple(f"layer.{i}.weight" for i in range(3))


def model(**changes: float) -> bytes:
    """A checkpoint whose parameters have these added to them; `title` is in its metadata."""
    random = np.random.default_rng(7)
    arrays = {name: random.standard_normal((16, 16)).astype(np.float32) for name in (*LAYERS, "a", "b")}
    for name, array in arrays.items():
        array += np.float32(changes.get(name.replace(".", "_"), 0))
    arrays["ids"] = np.arange(9) + int(changes.get("ids", 0))
    return safetensors_bytes(arrays, {"title": str(changes.get("title", 0))})


OURS = {"layer_0_weight": 0.5, "layer_1_weight": 0.5, "layer_2_weight": 0.25, "ids": 1, "title": 1, "a": 1}
THEIRS = {"layer_0_weight": -0.5, "layer_1_weight": 1, "layer_2_weight": 1, "ids": 2, "title": 2, "b": 1}


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Repo:
    """A repository whose branches both changed a checkpoint; nothing is merged yet."""
    repo = Repo(tmp_path_factory.mktemp("original") / "repo")
    repo.path.mkdir()
    repo.git("init", "-q")
    repo.theta("track", "*.safetensors")
    repo.write(NAME, model())
    repo.commit("base")
    repo.git("checkout", "-q", "-b", "side")
    repo.write(NAME, model(**THEIRS))
    repo.commit("theirs")
    repo.git("checkout", "-q", "main")
    repo.write(NAME, model(**OURS))
    repo.commit("ours")
    return repo


@pytest.fixture(scope="module")
def merged(original: Repo, tmp_path_factory: pytest.TempPathFactory) -> Repo:
    """The same in the middle of a merge."""
    repo = original.copy(tmp_path_factory.mktemp("merged") / "repo")
    repo.git("merge", "side", ok=False)
    return repo


@pytest.fixture
def branches(original: Repo, tmp_path: Path) -> Repo:
    """A copy of the first."""
    return original.copy(tmp_path / "branches")


@pytest.fixture
def conflict(merged: Repo, tmp_path: Path) -> Repo:
    """A copy of the second."""
    repo = merged.copy(tmp_path / "conflict")
    assert repo.status() == f"UU {NAME}\n"
    return repo


def state(repo: Repo) -> Mapping[str, object]:
    """All that a user has: the index, files with their times, records, objects, settings."""
    theta = repo.path / ".git" / "theta"
    return {
        "index": (repo.path / ".git" / "index").read_bytes(),
        "config": (repo.path / ".git" / "config").read_bytes(),
        "files": {
            path.relative_to(repo.path): (path.read_bytes(), path.stat().st_mtime_ns)
            for path in repo.path.rglob("*")
            if path.is_file() and ".git" not in path.parts
        },
        "records": {path.name: path.read_bytes() for path in (theta / "conflicts").glob("*")},
        "objects": {path.name for path in repo.objects},
        "leftovers": sorted(path.name for path in (theta / "tmp").glob("*")),
    }


def tool(repo: Repo, *lines: str, args: tuple[str, ...] = ()) -> tuple[int, str]:
    """Exit code and output of the tool with these lines typed."""
    text = "".join(f"{line}\n" for line in lines).encode()
    done = repo.run_theta("merge-tool", *args, ok=False, stdin=text)
    return done.returncode, done.stdout + done.stderr


def array(data: bytes, name: str) -> np.ndarray:
    from safetensors.numpy import load

    return load(data)[name]


def test_decide_and_write(conflict: Repo) -> None:
    code, printed = tool(
        conflict, "layer.{0-2}.weight theirs", "open 2", "ids ours", "3 theirs", "preview", "write"
    )
    assert code == 0, printed
    assert "layer.{0-2}.weight x3 by theirs; 2 conflicts left" in printed
    assert "nothing in conflict" in printed
    assert "layer.1.weight" in printed
    assert "of new objects" in printed
    assert "Written and staged." in printed
    assert conflict.status() == f"M  {NAME}\n"
    data = conflict.read(NAME)
    assert (array(data, "layer.1.weight") == array(model(**THEIRS), "layer.1.weight")).all()
    assert (array(data, "ids") == np.arange(9) + 1).all()
    assert (array(data, "a") == array(model(**OURS), "a")).all()
    assert b'"title": "2"' in data or b'"title":"2"' in data
    conflict.git("commit", "-q", "-m", "merge")
    assert conflict.status() == ""


@pytest.mark.parametrize(
    "lines",
    [
        ("quit",),
        (),
        ("all theirs", "preview", "quit"),
        ("1 nonsense", "99 ours", '"', "layer.0.weight ties density=9", "write", "q"),
    ],
)
def test_quitting_leaves_everything_as_it_was(conflict: Repo, lines: tuple[str, ...]) -> None:
    before = state(conflict)
    code, printed = tool(conflict, *lines)
    assert code == 1
    assert state(conflict) == before
    assert "Traceback" not in printed


def test_a_failing_write_goes_on(conflict: Repo) -> None:
    before = state(conflict)
    code, printed = tool(conflict, "all theirs", "layer.* average weights=1,2,3", "write", "quit")
    assert code == 1
    assert "3 weights are given for 2 models" in printed
    assert state(conflict) == before


def test_another_version_in_the_work_tree_is_not_replaced(conflict: Repo) -> None:
    conflict.write(NAME, model(a=5))
    before = state(conflict)
    code, printed = tool(conflict, "all theirs", "write", "quit")
    assert code == 1
    assert "isn't ours as the merge left it" in printed
    assert state(conflict) == before


def test_which_file(conflict: Repo) -> None:
    assert tool(conflict, "quit", args=(NAME,))[0] == 1
    code, printed = tool(conflict, args=("other.safetensors",))
    assert code == 7
    assert "isn't in conflict" in printed
    conflict.git("merge", "--abort")
    code, printed = tool(conflict)
    assert code == 7
    assert "no checkpoint is in conflict" in printed


def test_remembered_rules_settle_the_next_merge(conflict: Repo) -> None:
    code, printed = tool(conflict, "ids theirs", "3 ours", "layer.* average", "remember", "c", "write")
    assert code == 0, printed
    text = (conflict.path / ".theta" / "config.toml").read_text()
    assert 'path = "/m.safetensors"' in text
    conflict.git("reset", "-q", "--hard", "HEAD")
    merged = conflict.git("merge", "-m", "merge", "side")
    assert "CONFLICT" not in merged
    assert (array(conflict.read(NAME), "ids") == np.arange(9) + 2).all()


def test_remembering_in_git_config(conflict: Repo) -> None:
    tool(conflict, "layer.* ties density=0.5", "remember", "x", "remember", "g", "quit")
    rules = conflict.git("config", "--get-all", "theta.mergeRule")
    assert rules == "ties density=0.5 'parameters=layer.*' path=/m.safetensors\n"


@pytest.mark.slow
def test_as_a_tool_of_git(conflict: Repo) -> None:
    conflict.git("config", "mergetool.keepBackup", "false")
    before = conflict.git("ls-files", "-s"), conflict.read(NAME), conflict.status()
    quitting = conflict.run("git", "mergetool", "--tool=theta", "-y", ok=False, stdin=b"all theirs\nquit\n")
    assert quitting.returncode == 1
    assert (conflict.git("ls-files", "-s"), conflict.read(NAME), conflict.status()) == before
    done = conflict.run("git", "mergetool", "--tool=theta", "-y", stdin=b"all theirs\nwrite\n")
    assert "Written and staged." in done.stdout
    assert conflict.status() == f"M  {NAME}\n"
    conflict.git("commit", "-q", "-m", "merge")
    assert conflict.status() == ""


def on_terminal(repo: Repo, lines: list[str], *args: str) -> tuple[int, str]:
    """The exit code and output of a command in a pseudo-terminal; a line is typed at each prompt."""
    child, master = pty.fork()
    if child == 0:
        os.chdir(repo.path)
        os.environ["TERM"] = "dumb"
        os.execvp(args[0], args)
    waiting, printed, until = list(lines), b"", time.monotonic() + 60
    seen = 0
    while time.monotonic() < until:
        if not select.select([master], [], [], 0.1)[0]:
            continue
        try:
            piece = os.read(master, 65536)
        except OSError:
            break
        if not piece:
            break
        printed += piece
        if printed.count(b"theta> ") > seen and waiting:
            seen = printed.count(b"theta> ")
            # The prompt comes a moment before its reader listens.
            time.sleep(0.3)
            os.write(master, waiting.pop(0).encode())
    os.close(master)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), printed.decode(errors="replace")


def test_a_merge_asks(branches: Repo) -> None:
    branches.git("config", "theta.merge", "ask")
    code, printed = on_terminal(
        branches, ["all theirs\n", "layer.* average\n", "write\n"], "git", "merge", "-m", "merge", "side"
    )
    assert code == 0, printed
    assert "theta> " in printed
    assert branches.status() == ""
    expected = (array(model(**OURS), LAYERS[1]) + array(model(**THEIRS), LAYERS[1])) / 2
    np.testing.assert_allclose(array(branches.read(NAME), LAYERS[1]), expected, rtol=1e-6)


@pytest.mark.parametrize("typed", ["quit\n", "\x04", "\x03"], ids=["quit", "ctrl-d", "ctrl-c"])
def test_quitting_in_a_merge_leaves_a_usual_conflict(branches: Repo, typed: str) -> None:
    branches.git("config", "theta.merge", "ask")
    code, printed = on_terminal(branches, ["all theirs\n", typed], "git", "merge", "-m", "merge", "side")
    assert code == 1, printed
    assert branches.status() == f"UU {NAME}\n"
    assert branches.read(NAME) == model(**OURS)
    assert "in conflict" in branches.git("add", NAME, ok=False)
    assert tool(branches, "all theirs", "write")[0] == 0


def test_without_a_terminal_a_merge_does_not_ask(branches: Repo) -> None:
    branches.git("config", "theta.merge", "ask")
    done = subprocess.run(
        ["git", "merge", "-m", "merge", "side"],
        cwd=branches.path,
        capture_output=True,
        text=True,
        start_new_session=True,
    )
    assert done.returncode == 1
    assert "theta>" not in done.stdout + done.stderr
    assert branches.status() == f"UU {NAME}\n"
