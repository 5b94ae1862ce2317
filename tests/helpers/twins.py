"""Twins: a repository that tracks its checkpoints, and one that has the same files as they are."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.repo import Repo

NAME, DEEP, TEXT = "m.safetensors", "deep/n.safetensors", "notes.txt"

#: What Linux may lag behind with the times of files, in ns.
_TICK = 20_000_000


def model(seed: int, rows: int = 16) -> bytes:
    numbers = np.random.default_rng(seed)
    return safetensors_bytes({"a": numbers.standard_normal((rows, 16)).astype("f4"), "b": np.ones(4, "f4")})


#: All of one size but the last.
VERSIONS = [*map(model, range(4)), model(9, rows=20)]


@dataclass(frozen=True)
class Twins:
    """The two repositories; in both, a merge takes each file as a whole."""

    tracking: Repo
    plain: Repo

    @property
    def both(self) -> tuple[Repo, Repo]:
        return self.tracking, self.plain

    def git(self, *args: str, env: Mapping[str, str] | None = None) -> None:
        """Run git in both; it must succeed in both, or fail in both."""
        ours, theirs = (repo.run("git", *args, ok=False, env=env) for repo in self.both)
        assert (ours.returncode == 0) == (theirs.returncode == 0), (args, ours, theirs)

    def each(self, change: Callable[[Path], object]) -> None:
        """Do something to both work trees."""
        for repo in self.both:
            change(repo.path)

    def folder(self, name: str) -> Twins:
        """The twins of a folder below both work trees, or beside them."""
        return replace(self, tracking=Repo(self.tracking.path / name), plain=Repo(self.plain.path / name))

    def check(self, *, locks: bool = True) -> None:
        """Check that both repositories have the same files, in the same state.

        Args:
            locks: Whether `git status` may write the index.
        """
        ours, theirs = (state(repo, locks=locks) for repo in self.both)
        assert ours == theirs


def state(repo: Repo, *, locks: bool) -> dict[str, object]:
    env = {"GIT_OPTIONAL_LOCKS": str(int(locks))}
    found: dict[str, object] = {
        "status": repo.git("status", "--porcelain", env=env),
        "subject": repo.git("log", "-1", "--format=%s"),
        "stashes": repo.git("stash", "list", "--format=%gd"),
    }
    for name in (NAME, DEEP):
        path = repo.path / name
        found[name] = VERSIONS.index(path.read_bytes()) if path.exists() else None
        found[f"{name} in index"] = (
            repo.run("git", "cat-file", "--filters", f":{name}", ok=False).returncode == 0
        )
    seen = repo.path / ".git" / "seen"
    found["seen by hooks"] = seen.read_text() if seen.exists() else None
    return found


def times(repo: Repo) -> dict[str, tuple[bytes, int]]:
    """Content and mtime, in ns, of the checkpoints that are there."""
    paths = {name: repo.path / name for name in (NAME, DEEP)}
    return {
        name: (path.read_bytes(), os.stat(path).st_mtime_ns) for name, path in paths.items() if path.exists()
    }


def check_times(
    before: Mapping[str, tuple[bytes, int]], after: Mapping[str, tuple[bytes, int]], began: int
) -> None:
    """Check that a file whose content changed after a moment isn't older than that."""
    for name, (content, mtime) in after.items():
        if name not in before or before[name][0] != content:
            assert mtime >= began - _TICK, name
