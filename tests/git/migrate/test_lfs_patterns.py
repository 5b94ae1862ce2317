from __future__ import annotations

import hashlib
from pathlib import Path

from git_theta.git.migrate.commit_history import read_history
from git_theta.git.migrate.git_objects import GitObjects
from git_theta.git.migrate.lfs_patterns import checkpoint_patterns
from git_theta.git.plumbing.command import Git
from git_theta.git.remote.lfs_ref import pointer
from git_theta.store.local import LocalStore
from tests.helpers.model_files import FIRST
from tests.helpers.repo import Repo


def test_only_patterns_that_match_a_checkpoint_are_taken(empty: Repo, tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "lfs")
    lines = "*.data filter=lfs\n*.png filter=lfs\n*.pt filter=lfs\n*.ckpt filter=lfs\n"
    empty.write(".gitattributes", lines.encode())
    empty.write("models/.gitattributes", b"*.x filter=lfs\n")
    empty.run("git", "config", "filter.lfs.clean", "cat")
    # A checkpoint is known by its bytes; one whose bytes aren't here, by its ending.
    empty.write("models/a.x", pointer(store.put([FIRST]), len(FIRST)))
    empty.write("b.data", pointer(store.put([b"text"]), 4))
    empty.write("c.pt", pointer(hashlib.sha256(b"absent").hexdigest(), 6))
    empty.write("d.png", pointer(hashlib.sha256(b"absent").hexdigest(), 6))
    commit = empty.commit()
    folder = tmp_path / "folder"
    folder.mkdir()
    git = Git(empty.path)
    with GitObjects(empty.path) as objects:
        history = read_history(git, objects, [commit], ancestors=True)
        found, others = checkpoint_patterns(git, history, store, folder)
    assert found == {("models", "*.x"), ("", "*.pt")}
    assert others == {"*.data", "*.png", "*.ckpt"}
