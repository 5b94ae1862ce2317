"""Commands that hooks run: quick, quiet, and never a reason for git to fail."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.repo import Repo

A = safetensors_bytes({"w": np.arange(600, dtype=np.float32)})


def test_a_pending_file_is_written_from_a_folder_below(repo: Repo) -> None:
    repo.write("a.safetensors", A)
    repo.write("below/other.txt", b"")
    repo.commit()
    repo.write("a.safetensors", repo.git("cat-file", "-p", ":a.safetensors").encode())
    assert Repo(repo.path / "below").theta("hook", "post-checkout", "x", "y", "1") == ""
    assert repo.read("a.safetensors") == A
    assert repo.status() == ""


@pytest.mark.parametrize("name", ["post-checkout", "post-merge", "post-rewrite"])
def test_nothing_to_do_is_silent(repo: Repo, name: str) -> None:
    assert repo.theta("hook", name, "-odd", "arguments") == ""


def test_a_bare_repository(tmp_path: Path) -> None:
    repo = Repo(tmp_path)
    repo.git("init", "-q", "--bare")
    assert repo.theta("hook", "post-checkout", "x", "y", "1") == ""


def test_in_git_s_own_folder(repo: Repo) -> None:
    assert Repo(repo.path / ".git").theta("hook", "post-merge", "0") == ""


def test_a_failure_is_reported_and_does_not_fail_git(repo: Repo) -> None:
    repo.write("a.safetensors", A)
    repo.commit()
    text = repo.git("cat-file", "-p", ":a.safetensors").encode()
    repo.write("a.safetensors", text)
    for path in repo.objects:
        path.unlink()
    done = repo.run_theta("hook", "post-checkout", "x", "y", "1")
    assert "a.safetensors" in done.stderr
    assert repo.read("a.safetensors") == text
