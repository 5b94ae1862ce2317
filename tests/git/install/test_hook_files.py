"""Hooks as files: which of them run, and which programs they run."""

from __future__ import annotations

from pathlib import Path

import pytest

from git_theta.git.install.hook_files import is_only_git_lfs, needs_files, runs_git_lfs, runs_theta

NAME = "post-commit"
GIT_LFS = b"""#!/bin/sh
command -v git-lfs >/dev/null 2>&1 || { echo >&2 "\\nThis repository is configured for Git LFS but \
'git-lfs' was not found on your path. If you no longer wish to use Git LFS, remove this hook by deleting the \
'post-commit' file in the hooks directory (set by 'core.hookspath'; usually '.git/hooks').\\n"; exit 2; }
git lfs post-commit "$@"
"""


def write(path: Path, text: bytes, mode: int = 0o755) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(text)
    path.chmod(mode)


@pytest.mark.parametrize(
    ("text", "only"),
    [
        (GIT_LFS, True),
        (b'#!/bin/sh\ngit lfs post-commit "$@"', True),
        (GIT_LFS + b"python evaluate.py\n", False),
        (GIT_LFS.replace(b"exit 2;", b"python evaluate.py; exit 2;"), False),
        (GIT_LFS.replace(b"\\nThis", b"$(python evaluate.py)"), False),
        (GIT_LFS.replace(b"lfs post-commit", b"lfs pre-push"), False),
        (b"#!/bin/sh\n", False),
    ],
)
def test_hooks_of_git_lfs_alone(tmp_path: Path, text: bytes, only: bool) -> None:
    write(tmp_path / NAME, text)
    assert is_only_git_lfs(text, NAME) is only
    assert needs_files(tmp_path, NAME) is not only


def test_programs_of_a_chain(tmp_path: Path) -> None:
    assert not needs_files(tmp_path, NAME)
    write(tmp_path / NAME, b"#!/bin/sh\n# Installed by git-theta.\n")
    assert not needs_files(tmp_path, NAME)
    assert (runs_theta(tmp_path, NAME), runs_git_lfs(tmp_path, NAME)) == (True, False)
    write(tmp_path / f"{NAME}.before-theta", GIT_LFS, 0o644)
    assert not runs_git_lfs(tmp_path, NAME)
    write(tmp_path / f"{NAME}.before-theta", GIT_LFS)
    assert runs_git_lfs(tmp_path, NAME)
    assert not needs_files(tmp_path, NAME)
    write(tmp_path / f"{NAME}.before-theta", b"#!/bin/sh\nmake test\n")
    assert needs_files(tmp_path, NAME)
    (tmp_path / NAME).chmod(0o644)
    assert not runs_theta(tmp_path, NAME)


def test_husky_has_a_file_for_each_hook(tmp_path: Path) -> None:
    folder = tmp_path / "_"
    write(folder / "h", b"")
    write(folder / NAME, b'#!/usr/bin/env sh\n. "${0%/*}/h"\n')
    assert not needs_files(folder, NAME)
    write(tmp_path / NAME, b"git lfs post-commit\n", 0o644)
    assert needs_files(folder, NAME)
    assert runs_git_lfs(folder, NAME)
