"""Every command among broken settings, repositories and streams ends in one error."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from git_theta.cli import COMMANDS, PLUMBING
from tests.helpers.repo import Repo
from tests.helpers.small_history import NAME

#: Arguments for each command. The demo makes a repository of its own.
ARGUMENTS = {
    **dict.fromkeys((*COMMANDS, *PLUMBING), ()),
    **dict.fromkeys(("show", "log", "blame", "resolve", "merge-tool", "clean", "smudge"), (NAME,)),
    "add": ("--dense", NAME, NAME),
    "bisect": (NAME, "--", "true", "{model}"),
    "combine": ("-s", "average", NAME, f"HEAD~1:{NAME}", "-o", "combined"),
    "diff": ("HEAD~1", "HEAD"),
    "diff-driver": (NAME,),
    "hook": ("pre-push", "origin", "../origin.git"),
    "install": ("--local",),
    "merge": ("HEAD~1",),
    "merge-driver": ("base", "ours", "theirs", NAME),
    "migrate": ("import",),
    "track": (),
    "uninstall": ("--local",),
    "untrack": ("*.none",),
}


def write(name: str, data: bytes) -> Callable[[Repo], object]:
    """A state in which a file has other bytes."""

    def change(repo: Repo) -> None:
        path = repo.path / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)

    return change


def pipe(name: str) -> Callable[[Repo], object]:
    """A state in which a pipe is in the place of a file: whoever opens it waits for ever."""

    def change(repo: Repo) -> None:
        (repo.path / name).parent.mkdir(exist_ok=True)
        (repo.path / name).unlink(missing_ok=True)
        os.mkfifo(repo.path / name)

    return change


def configured(**settings: str) -> Callable[[Repo], object]:
    """A state in which Git's settings have other values; `__` stands for a dot."""

    def change(repo: Repo) -> None:
        for key, value in settings.items():
            repo.git("config", key.replace("__", "."), value)

    return change


STATES: dict[str, Callable[[Repo], object]] = {
    "settings that aren't UTF-8": write(".theta/config.toml", b"\xff\xfe"),
    "settings of other types": write(".theta/config.toml", b"merge = 3\nremote = [1]\n"),
    "settings that nest": write(".theta/config.toml", b"a = " + b"[" * 5000),
    "settings that are a pipe": pipe(".theta/config.toml"),
    "a file in place of the folder of settings": write(".theta", b""),
    "an .lfsconfig that's binary": write(".lfsconfig", b"\0\xff[lfs]"),
    "an .lfsconfig that's a pipe": pipe(".lfsconfig"),
    "numbers of other kinds": configured(theta__threads="²", theta__maxDepth="9" * 5000),
    "a rule that doesn't end": configured(theta__mergeRule="'"),
    "a remote's URL with a bracket": configured(
        remote__origin__url="https://[x", theta__remote__o__url="s3://[x"
    ),
    "a place's URL with a bracket": configured(theta__remote__origin__url="https://[x"),
    "a remote's URL with a zero byte": configured(remote__origin__url="file:///a%00b"),
    "a remote's port that isn't one": configured(remote__origin__url="ssh://host:port/x"),
    "an index that isn't one": write(".git/index", b"DIRC\0\0\0\2\xff\xff\xff\xff" + b"x" * 40),
    "no HEAD": lambda repo: (repo.path / ".git" / "HEAD").unlink(),
    "a HEAD of nothing": write(".git/HEAD", b"ref: refs/heads/none\n"),
    "a ref that isn't one": write(".git/refs/heads/main", b"garbage\n"),
    "a store that's a file": write(".git/theta", b""),
    "a cache that isn't one": write(".git/theta/cache.sqlite", b"garbage" * 100),
    "a checkpoint that's a pipe": pipe(NAME),
}


def test_every_command_is_tried() -> None:
    assert ARGUMENTS.keys() == {*COMMANDS, *PLUMBING}


@pytest.mark.parametrize("state", STATES)
def test_no_command_breaks_down(history: Repo, state: str) -> None:
    history.git("remote", "add", "origin", "../origin.git")
    STATES[state](history)
    for command in ARGUMENTS.keys() - {"demo"}:
        done = history.run_theta(command, *ARGUMENTS[command], ok=False)
        assert "Traceback" not in done.stderr, command
        assert "unexpected" not in done.stderr, command
        assert done.returncode == 0 or done.stderr or command == "clean", command


def run(redirections: str, folder: Path, *args: str) -> subprocess.CompletedProcess[bytes]:
    """Run `git theta ARGS…` in a shell that changes the streams."""
    script = f'"$@" {redirections}'
    return subprocess.run(
        ["sh", "-c", script, "sh", sys.executable, "-m", "git_theta", *args],
        cwd=folder,
        capture_output=True,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("redirections", "codes"),
    [(">&-", {0}), (">&- 2>&- <&-", {0}), (">/dev/full", {1}), ("| true", {0}), ("2>/dev/full", {0})],
)
@pytest.mark.parametrize("args", [("plugins",), ("env", "--json"), ("show", NAME)])
def test_streams_that_are_closed_or_full(
    history: Repo, redirections: str, codes: set[int], args: tuple[str, ...]
) -> None:
    done = run(redirections, history.path, *args)
    assert done.returncode in codes
    assert b"Traceback" not in done.stderr
    assert b"Exception ignored" not in done.stderr


@pytest.mark.parametrize("command", ["status", "env", "push", "fsck"])
def test_a_folder_that_was_deleted(tmp_path: Path, command: str) -> None:
    (tmp_path / "gone").mkdir()
    done = subprocess.run(
        ["sh", "-c", f'rmdir ../gone; exec "{sys.executable}" -m git_theta {command}'],
        cwd=tmp_path / "gone",
        capture_output=True,
    )
    assert done.returncode != 0 or command == "env"
    assert b"Traceback" not in done.stderr
    assert b"unexpected" not in done.stderr
