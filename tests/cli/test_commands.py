from __future__ import annotations

import sys
from pathlib import Path

import pytest

from git_theta.cli import COMMANDS
from tests.helpers.repo import Repo
from tests.helpers.small_models import NAME, A


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(repo: Repo, name: str) -> None:
    assert repo.theta(name, "--help").startswith(f"Usage: git theta {name}")


def test_help_lists_every_command(repo: Repo) -> None:
    text = repo.theta("--help")
    assert all(f"  {name} " in text for name in COMMANDS)
    assert "hook" not in text


def test_an_unknown_command_suggests_the_nearest(repo: Repo) -> None:
    done = repo.run_theta("tarck", ok=False)
    assert done.returncode == 2
    assert "no command 'tarck'; did you mean 'track'?" in done.stderr


@pytest.mark.parametrize(
    "args",
    [["track"], ["status"], ["ls-files"], ["show", "x"], ["fsck"], ["du"], ["checkout"], ["merge", "x"]],
)
def test_outside_a_repository(tmp_path: Path, args: list[str]) -> None:
    done = Repo(tmp_path).run_theta(*args, ok=False)
    assert done.returncode == 7
    assert "isn't in a Git repository" in done.stderr
    assert "git init" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("args", [["status"], ["ls-files"], ["fsck"], ["du"], ["checkout"], ["env"]])
def test_before_the_first_commit(repo: Repo, args: list[str]) -> None:
    repo.theta(*args)


def test_completion(repo: Repo) -> None:
    done = repo.run(
        sys.executable,
        "-c",
        "from git_theta.__main__ import main; main()",
        env={"_GIT_THETA_COMPLETE": "bash_complete", "COMP_WORDS": "git-theta un", "COMP_CWORD": "1"},
        ok=False,
    )
    assert "untrack" in done.stdout
    assert "uninstall" in done.stdout


@pytest.mark.parametrize(
    ("key", "value"), [("theta.threads", "many"), ("theta.materialiseThreshold", "large")]
)
def test_an_invalid_setting_is_named(repo: Repo, key: str, value: str) -> None:
    repo.git("config", key, value)
    repo.write(NAME, A)
    output = repo.git("add", NAME, ok=False)
    assert value in output
    assert "Traceback" not in output
