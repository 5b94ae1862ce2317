"""A repository that tracks its checkpoint behaves like a plain one, in any sequence of commands.

The commands follow each other within fractions of a second, where a file's time says least about it.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.repo import Repo

NAME = "m.safetensors"


def model(seed: int, rows: int = 16) -> bytes:
    numbers = np.random.default_rng(seed)
    return safetensors_bytes({"a": numbers.standard_normal((rows, 16)).astype("f4"), "b": np.ones(4, "f4")})


#: All of one size but the last.
VERSIONS = [*map(model, range(4)), model(9, rows=20)]


@dataclass(frozen=True)
class Twins:
    """A repository that tracks the checkpoint, and one that has it as it is."""

    tracking: Repo
    plain: Repo

    def git(self, *args: str) -> None:
        """Run git in both; it must fail in both, or in neither."""
        ours, theirs = (repo.run("git", *args, ok=False).returncode for repo in (self.tracking, self.plain))
        assert ours == theirs, args

    def each(self, change: Callable[[Path], object]) -> None:
        """Do something to both work trees."""
        for repo in (self.tracking, self.plain):
            change(repo.path)

    def check(self) -> None:
        """Check that both repositories have the same files, in the same state."""
        ours, theirs = (state(repo) for repo in (self.tracking, self.plain))
        assert ours == theirs


def state(repo: Repo) -> dict[str, object]:
    path = repo.path / NAME
    kept = repo.run("git", "cat-file", "--filters", f":{NAME}", ok=False).returncode
    return {
        "version": VERSIONS.index(path.read_bytes()) if path.exists() else None,
        "status": repo.status(),
        "subject": repo.git("log", "-1", "--format=%s"),
        "in index": kept == 0,
    }


def step(twins: Twins, chance: random.Random, count: int) -> str:
    """Do one random step; returns its description."""
    version = chance.randrange(len(VERSIONS))
    branch = chance.choice(["main", "other", "third"])
    rev = chance.choice(["HEAD", "HEAD~1", "main", "other", "third"])
    commands = {
        f"write {version}": lambda: twins.each(lambda path: (path / NAME).write_bytes(VERSIONS[version])),
        "touch": lambda: twins.each(lambda path: (path / NAME).exists() and os.utime(path / NAME)),
        "delete": lambda: twins.each(lambda path: (path / NAME).unlink(missing_ok=True)),
        "add": lambda: twins.git("add", "-A"),
        f"commit {count}": lambda: twins.git("commit", "-q", "--allow-empty", "-m", f"commit {count}"),
        f"commit -a {count}": lambda: twins.git("commit", "-q", "--allow-empty", "-am", f"commit {count}"),
        f"switch {branch}": lambda: twins.git("checkout", "-q", branch),
        f"switch -f {branch}": lambda: twins.git("checkout", "-q", "-f", branch),
        f"branch {branch}": lambda: twins.git("checkout", "-q", "-B", branch),
        f"detach {rev}": lambda: twins.git("checkout", "-q", "--detach", rev),
        "restore": lambda: twins.git("restore", NAME),
        f"restore -s {rev}": lambda: twins.git("restore", "-s", rev, NAME),
        "restore --staged": lambda: twins.git("restore", "--staged", NAME),
        f"checkout {rev} --": lambda: twins.git("checkout", rev, "--", NAME),
        "reset --hard": lambda: twins.git("reset", "-q", "--hard"),
        f"reset --hard {rev}": lambda: twins.git("reset", "-q", "--hard", rev),
        f"reset --soft {rev}": lambda: twins.git("reset", "-q", "--soft", rev),
        f"reset {rev}": lambda: twins.git("reset", "-q", rev),
        "stash": lambda: (twins.git("stash"), twins.git("stash", "pop")),
        "stash --keep-index": lambda: (twins.git("stash", "-k"), twins.git("stash", "drop", "-q")),
    }
    what = chance.choice(sorted(commands))
    commands[what]()
    return what


def live(twins: Twins, seed: int, steps: int) -> None:
    chance = random.Random(seed)
    done: list[str] = []
    for count in range(steps):
        done.append(step(twins, chance, count))
        try:
            twins.check()
        except AssertionError as error:
            raise AssertionError(f"after {', '.join(done)}") from error


@pytest.fixture(params=["inline", "materialised", "materialised, minimal stat"])
def twins(tracked: Repo, tmp_path: Path, request: pytest.FixtureRequest) -> Twins:
    tracking = tracked.copy(tmp_path / "tracking")
    tracking.git("config", "theta.materialiseThreshold", "1g" if request.param == "inline" else "1")
    plain = Repo(tmp_path / "plain")
    plain.path.mkdir()
    plain.git("init", "-q")
    for repo in (tracking, plain):
        if "minimal" in request.param:
            repo.git("config", "core.checkStat", "minimal")
        repo.git("checkout", "-q", "-B", "main")
        for seed, branch in enumerate(["third", "other", "main"]):
            (repo.path / NAME).write_bytes(VERSIONS[seed])
            (repo.path / ".gitattributes").touch()
            repo.commit(branch)
            if branch != "main":
                repo.git("branch", "-f", branch)
    return Twins(tracking, plain)


@pytest.mark.parametrize("seed", range(2))
def test_twins_stay_alike(twins: Twins, seed: int) -> None:
    live(twins, seed, 12)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 104))
def test_twins_stay_alike_for_long(twins: Twins, seed: int) -> None:
    live(twins, seed, 50)
