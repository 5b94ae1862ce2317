"""Hooks of other programs look at checkpoints while Git still runs, and see models, also large ones."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.repo import Repo
from tests.helpers.variants import mostly_slow

NAME = "m.safetensors"
A, B, C = (
    safetensors_bytes({"w": np.arange(600, dtype=np.float32) + i, "v": np.full(300, i // 2)})
    for i in range(3)
)

_VERSION = subprocess.run(["git", "--version"], capture_output=True, text=True, check=True).stdout
RUNS_CONFIGURED = tuple(map(int, re.findall(r"\d+", _VERSION)[:2])) >= (2, 54)


@pytest.fixture
def repo(repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repo:
    """A repository with versions A on `old` and `topic`, and B on `main`, all of them large."""
    monkeypatch.setenv("HOOKS_SAW", str(tmp_path / "saw"))
    repo.git("config", "theta.materialiseThreshold", "1k")
    repo.write(".git/info/exclude", b"hooks/\n")
    repo.write(NAME, A)
    repo.write("notes.txt", b"1\n")
    repo.commit()
    repo.git("branch", "old")
    repo.git("branch", "topic")
    repo.write(NAME, B)
    repo.commit()
    repo.git("checkout", "-q", "topic")
    repo.write("topic.txt", b"1\n")
    repo.commit()
    repo.git("checkout", "-q", "main")
    return repo


def add_hook(folder: Path, name: str, before: str = ":") -> Path:
    """A hook that writes down its name and which kind of file it sees, after other commands."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    kind = f"if head -c 60 {NAME} | grep -aq git-theta; then echo manifest; else echo model; fi"
    path.write_text(f'#!/bin/sh\n{before}\necho {name} $({kind}) >> "$HOOKS_SAW"\n')
    path.chmod(0o755)
    return path


def seen() -> set[str]:
    """Names of the hooks that ran since the last call, each with what it saw."""
    file = Path(os.environ["HOOKS_SAW"])
    found = set(file.read_text().splitlines())
    file.unlink()
    return found


@pytest.mark.parametrize("folder", [".git/hooks", "hooks"])
def test_a_checkout(repo: Repo, folder: str) -> None:
    repo.git("config", "core.hooksPath", folder)
    add_hook(repo.path / folder, "post-checkout")
    repo.git("checkout", "-q", "old")
    assert seen() == {"post-checkout model"}
    assert repo.read(NAME) == A
    assert " M " not in repo.status()
    add_hook(repo.path / folder, "post-index-change")
    repo.git("switch", "-q", "main")
    assert seen() == {"post-checkout model", "post-index-change model"}
    assert repo.read(NAME) == B


@pytest.mark.parametrize("folder", [".git/hooks", "hooks"])
def test_a_merge(repo: Repo, folder: str) -> None:
    repo.git("config", "core.hooksPath", folder)
    add_hook(repo.path / folder, "post-merge")
    repo.git("checkout", "-q", "old")
    repo.git("merge", "-q", "--ff-only", "main")
    assert seen() == {"post-merge model"}
    names = ["post-merge", "pre-merge-commit", "prepare-commit-msg", "commit-msg"]
    for name in names:
        add_hook(repo.path / folder, name)
    repo.git("checkout", "-q", "topic")
    repo.git("merge", "-q", "--no-edit", "main")
    assert seen() == {f"{name} model" for name in names}
    assert repo.read(NAME) == B


@pytest.mark.parametrize("folder", [".git/hooks", "hooks"])
@pytest.mark.parametrize(
    "name",
    mostly_slow(
        ["post-checkout", "post-commit", "post-rewrite", "pre-commit"], quick=["post-commit", "post-rewrite"]
    ),
)
def test_a_rebase(repo: Repo, folder: str, name: str) -> None:
    repo.git("config", "core.hooksPath", folder)
    repo.git("config", "sequence.editor", "sed -i 1s/pick/reword/")
    repo.git("checkout", "-q", "topic")
    add_hook(repo.path / folder, name)
    repo.git("rebase", "-i", "main", env={"GIT_EDITOR": "echo other >"})
    assert seen() == {f"{name} model"}
    assert repo.read(NAME) == B
    assert " M " not in repo.status()


@pytest.mark.parametrize("command", ["cherry-pick", "revert", "am"])
def test_other_commits_that_git_makes(repo: Repo, command: str) -> None:
    names = ["post-applypatch", "pre-applypatch"] if command == "am" else ["post-commit"]
    for name in names:
        add_hook(repo.path / ".git" / "hooks", name)
    (repo.path / ".git" / "p.patch").write_text(repo.git("format-patch", "--stdout", "-1", "main"))
    repo.git("checkout", "-q", "main" if command == "revert" else "topic")
    arguments = {"cherry-pick": ["main"], "revert": ["--no-edit", "HEAD"], "am": [".git/p.patch"]}
    repo.git(command, *arguments[command])
    assert seen() == {f"{name} model" for name in names}
    assert repo.read(NAME) == (A if command == "revert" else B)


def test_the_commands_of_a_bisect(repo: Repo) -> None:
    script = add_hook(repo.path / ".git", "look")
    add_hook(repo.path / ".git" / "hooks", "post-checkout")
    for number in range(2, 4):
        repo.write("notes.txt", b"%d\n" % number)
        repo.commit()
    repo.git("checkout", "-q", "old")
    repo.git("bisect", "start", "main", "old")
    repo.git("bisect", "run", str(script))
    assert seen() == {"post-checkout model", "look model"}


@pytest.mark.slow
def test_a_stash(repo: Repo) -> None:
    add_hook(repo.path / ".git" / "hooks", "post-index-change")
    repo.write(NAME, C)
    repo.git("stash")
    assert seen() == {"post-index-change model"}
    assert repo.read(NAME) == B
    repo.git("stash", "pop")
    assert seen() == {"post-index-change model"}
    assert repo.read(NAME) == C


def test_a_clone_with_a_template(repo: Repo, tmp_path: Path) -> None:
    add_hook(tmp_path / "template" / "hooks", "post-checkout")
    repo.git("clone", "-q", f"--template={tmp_path}/template", ".", str(tmp_path / "clone"))
    assert seen() == {"post-checkout model"}
    Repo(tmp_path / "clone").git("worktree", "add", "-q", "--detach", "../tree", "origin/old")
    assert seen() == {"post-checkout model"}
    assert (tmp_path / "clone" / NAME).read_bytes() == B
    assert (tmp_path / "tree" / NAME).read_bytes() == A


def test_a_hook_of_pre_commit(repo: Repo) -> None:
    folder = repo.path / ".git" / "hooks"
    legacy = 'legacy="${0%/*}/post-checkout.legacy"; [ ! -x "$legacy" ] || "$legacy" "$@"'
    add_hook(folder, "post-checkout", f"# File generated by pre-commit: https://pre-commit.com\n{legacy}")
    repo.git("checkout", "-q", "old")
    assert seen() == {"post-checkout model"}
    assert (folder / "post-checkout.legacy").exists()


def test_a_hook_that_is_checked_out_with_the_model(repo: Repo) -> None:
    repo.git("config", "core.hooksPath", "z")
    repo.git("checkout", "-q", "-b", "hooked", "old")
    add_hook(repo.path / "z", "post-checkout")
    repo.write(NAME, C)
    repo.commit()
    repo.git("checkout", "-q", "main")
    assert not (repo.path / "z").exists()
    repo.git("checkout", "-q", "hooked")
    assert "post-checkout model" in seen()


@pytest.mark.skipif(not RUNS_CONFIGURED, reason="needs git 2.54")
def test_a_hook_in_git_s_settings(repo: Repo) -> None:
    repo.git("config", "hook.look.command", str(add_hook(repo.path / ".git", "look")))
    repo.git("config", "hook.look.event", "post-checkout")
    repo.git("checkout", "-q", "old")
    assert seen() == {"look model"}
