"""Scratch folders."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from git_theta.git.evaluation.scratch import scratch_folder
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.repository import Repository
from tests.helpers.repo import Repo

#: Makes a scratch folder with a file, says so, and waits for its end.
_HOLD = """
import sys, time
from pathlib import Path
from git_theta.git.evaluation.scratch import scratch_folder
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.repository import Repository
with scratch_folder(Repository(Git(Path(sys.argv[1])))) as folder:
    (folder / "file").write_bytes(b"x")
    print(folder, flush=True)
    time.sleep(100)
"""


def test_a_folder_is_removed_with_all_that_is_in_it(repo: Repo) -> None:
    with scratch_folder(Repository(Git(repo.path))) as folder:
        (folder / "a/b").mkdir(parents=True)
        (folder / "a/b/file").write_bytes(b"x")
        (folder / "a/b").chmod(0o500)
        (folder / "link").symlink_to(repo.path)
    assert not folder.exists()
    assert repo.path.exists()


def test_what_a_killed_process_left_is_removed_and_not_what_others_use(repo: Repo) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(repo.path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    left = Path(process.stdout.readline().strip())
    old = time.time() - 3600
    os.utime(left, (old, old))
    with scratch_folder(Repository(Git(repo.path))):
        assert (left / "file").exists(), "its maker still runs"
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    os.utime(left, (old, old))
    with scratch_folder(Repository(Git(repo.path))):
        assert not left.exists()


def test_without_room_in_the_repository_it_is_elsewhere(
    repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = repo.path / ".git/theta"
    place.mkdir(exist_ok=True)
    for each in place.glob("tmp"):
        each.rmdir()
    (place / "tmp").write_bytes(b"no folder")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with scratch_folder(Repository(Git(repo.path))) as folder:
        assert folder.parent == tmp_path
    assert not folder.exists()
