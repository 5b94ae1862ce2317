"""The commands that Git is told to run must work from anywhere, whatever the paths are."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import git_theta
from git_theta.git.install.install import filter_settings, hook_command, hook_settings, shell_command
from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.repo import Repo

A = safetensors_bytes({"w": np.arange(600, dtype=np.float32)})
NAMES = (
    "plain.safetensors",
    "-dash.safetensors",
    "mo dels/größe 模.safetensors",
    'it\'s "$(x)" %f.safetensors',
)

# What `git add` runs for a file: nothing of the user's shell is left, as in an editor or a cron job.
BARE = ("env", "-i", "PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8")


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package, in a folder whose name has all that a shell and Git could stumble over."""
    folder = tmp_path_factory.mktemp("copy") / 'it\'s 100%f "$(false)" `x` %%'
    source = Path(git_theta.__file__).parent
    shutil.copytree(source, folder / "git_theta", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


@pytest.fixture
def bare(tmp_path: Path) -> Repo:
    """A repository with settings of its own; `GIT_CONFIG_GLOBAL` isn't passed on by `BARE`."""
    repo = Repo(tmp_path / "repo")
    repo.path.mkdir()
    repo.git("init", "-q")
    (repo.path / ".gitattributes").write_text("*.safetensors filter=theta -text\n")
    return repo


def install_from(repo: Repo, folder: Path) -> None:
    env = {"PYTHONPATH": str(folder)}
    repo.run(sys.executable, "-P", "-m", "git_theta", "install", "--local", env=env)


@pytest.mark.parametrize("way", ["process", "one-shot"])
def test_no_path_is_too_odd_and_no_environment_too_bare(bare: Repo, elsewhere: Path, way: str) -> None:
    install_from(bare, elsewhere)
    if way == "one-shot":
        bare.git("config", "--local", "--unset", "filter.theta.process")
    for name in NAMES:
        bare.write(name, A)
    bare.run(*BARE, "git", "add", "-A")
    for name in NAMES:
        assert bare.git("cat-file", "-p", f":{name}").startswith("git-theta manifest ")
        (bare.path / name).unlink()
    bare.run(*BARE, "git", "checkout", "--", ".")
    assert [bare.read(name) for name in NAMES] == [A] * len(NAMES)


def test_modules_in_the_repository_are_never_imported(bare: Repo, elsewhere: Path, tmp_path: Path) -> None:
    install_from(bare, elsewhere)
    trace = tmp_path / "executed"
    for module in ("numpy", "blake3", "zstandard", "click", "sitecustomize", "signal", "git_theta"):
        bare.write(f"{module}.py", f"open({str(trace)!r}, 'a').write({module!r})\n".encode())
    bare.write("a.safetensors", A)
    bare.git("add", "-A")
    bare.git("-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "-q", "-m", "all")
    (bare.path / "a.safetensors").unlink()
    bare.git("checkout", "-q", "HEAD", "--", ".")
    bare.git("checkout", "-q", "-b", "other")
    assert bare.read("a.safetensors") == A
    assert not trace.exists()


@pytest.mark.parametrize("key", ["filter.theta.process", "filter.theta.clean", "filter.theta.smudge"])
def test_a_package_that_is_gone_says_how_to_repair(
    bare: Repo, elsewhere: Path, tmp_path: Path, key: str
) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(elsewhere, moved)
    install_from(bare, moved)
    shutil.rmtree(moved)
    done = bare.run(*BARE, "sh", "-c", bare.git("config", key).strip(), ok=False)
    assert done.returncode == 1
    assert "git theta install" in done.stderr
    assert done.stdout == ""


def test_another_program_on_the_path_stands_in(bare: Repo, elsewhere: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(elsewhere, moved)
    install_from(bare, moved)
    shutil.rmtree(moved)
    program = tmp_path / "bin" / "git-theta"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\necho "$@"\n')
    program.chmod(0o755)
    path = f"{program.parent}:{os.environ['PATH']}"
    done = bare.run("sh", "-c", bare.git("config", "filter.theta.process").strip(), env={"PATH": path})
    assert done.stdout == "filter-process\n"


def test_no_shell_is_left_between_git_and_the_filter() -> None:
    """Git waits for its child: a shell in between could be gone while git-theta still writes."""
    command = shell_command("--version", last=True)
    done = subprocess.run(["sh", "-c", f"{command}; echo left"], capture_output=True, text=True, check=True)
    assert "git-theta" in done.stdout
    assert "left" not in done.stdout


def test_a_hook_goes_on_after_its_command() -> None:
    done = subprocess.run(
        ["sh", "-c", f"{hook_command()} --version; echo left"], capture_output=True, text=True, check=True
    )
    assert "git-theta" in done.stdout
    assert "left" in done.stdout


def test_settings_stay_on_one_line() -> None:
    found = filter_settings()
    assert list(found) == [
        "filter.theta.process",
        "filter.theta.clean",
        "filter.theta.smudge",
        "diff.theta.command",
        "merge.theta.driver",
        "merge.theta.name",
        "merge.theta.recursive",
        "mergetool.theta.cmd",
        "mergetool.theta.trustExitCode",
        "filter.theta.required",
    ]
    found |= hook_settings()
    assert list(found)[-2:] == ["hook.theta.command", "hook.theta.event"]
    assert not any("\n" in value or "\0" in value for value in found.values())


def test_uninstall_says_what_it_found(bare: Repo, tmp_path: Path) -> None:
    bare.theta("install", "--local")
    assert "are removed" in bare.theta("uninstall", "--local")
    assert "There were no local settings" in bare.theta("uninstall", "--local")
    outside = Repo(tmp_path)
    done = outside.run(sys.executable, "-m", "git_theta", "uninstall", "--local", ok=False)
    assert done.returncode == 7


def test_the_merge_tool_is_installed_and_removed(bare: Repo) -> None:
    bare.theta("install", "--local")
    assert '"$MERGED"' in bare.git("config", "--local", "mergetool.theta.cmd")
    assert bare.git("config", "--local", "mergetool.theta.trustExitCode") == "true\n"
    bare.git("config", "--local", "mergetool.other.cmd", "x")
    bare.theta("uninstall", "--local")
    assert bare.git("config", "--local", "--get-regexp", "^mergetool") == "mergetool.other.cmd x\n"


def test_uninstall_leaves_what_a_user_set_for_the_driver(bare: Repo) -> None:
    bare.theta("install", "--local")
    bare.git("config", "diff.theta.xfuncname", "x")
    bare.theta("uninstall", "--local")
    assert bare.git("config", "--local", "--get-regexp", "theta") == "diff.theta.xfuncname x\n"


def test_uninstall_without_permission_is_an_error(bare: Repo) -> None:
    bare.theta("install", "--local")
    (bare.path / ".git" / "config.lock").touch()
    assert "git config failed" in bare.theta("uninstall", "--local", ok=False)
    assert bare.git("config", "--local", "filter.theta.required") == "true\n"
