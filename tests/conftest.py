"""Sealed tests: no test sees the user's home, settings or clock zone."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

_SETTINGS = """
[user]
    name = Test
    email = test@example.com
[init]
    defaultBranch = main
[protocol "file"]
    allow = always
[advice]
    detachedHead = false
"""


@pytest.fixture(autouse=True, scope="session")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home of its own, with git-theta installed in its Git settings."""
    home = tmp_path_factory.mktemp("home")
    settings = home / ".gitconfig"
    settings.write_text(_SETTINGS)
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(("GIT_", "THETA_", "XDG_"))]:
            patch.delenv(name)
        patch.setenv("HOME", str(home))
        patch.setenv("GIT_CONFIG_GLOBAL", str(settings))
        patch.setenv("GIT_CONFIG_NOSYSTEM", "1")
        patch.setenv("GIT_EDITOR", "true")
        patch.setenv("GIT_CEILING_DIRECTORIES", str(home.parent))
        patch.setenv("LC_ALL", "C.UTF-8")
        patch.setenv("TZ", "UTC")
        subprocess.run(
            [sys.executable, "-m", "git_theta", "install"], check=True, capture_output=True, cwd=home
        )
        yield home


@dataclass(frozen=True)
class Repo:
    """A repository and what tests do with it."""

    path: Path

    def run(
        self, *args: str, ok: bool = True, stdin: bytes | None = None, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in the work tree; fail the test if it fails, unless told that it may."""
        done = subprocess.run(
            args,
            cwd=self.path,
            input=stdin,
            capture_output=True,
            env={**os.environ, **(env or {})},
            timeout=120,
        )
        out, err = (data.decode("utf-8", "replace") for data in (done.stdout, done.stderr))
        assert done.returncode == 0 or not ok, f"{args} exited with {done.returncode}\n{out}\n{err}"
        return subprocess.CompletedProcess(args, done.returncode, out, err)

    def git(self, *args: str, ok: bool = True, env: Mapping[str, str] | None = None) -> str:
        """What `git ARGS…` prints, on stdout and then on stderr."""
        done = self.run("git", *args, ok=ok, env=env)
        return done.stdout + done.stderr

    def theta(self, *args: str, ok: bool = True) -> str:
        """What `git theta ARGS…` prints, on stdout and then on stderr."""
        done = self.run(sys.executable, "-m", "git_theta", *args, ok=ok)
        return done.stdout + done.stderr

    def write(self, name: str, data: bytes) -> Path:
        """Write a file, and the folders above it."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    def read(self, name: str) -> bytes:
        return (self.path / name).read_bytes()

    def commit(self, message: str = "change") -> str:
        """Add and commit everything; returns the commit's id."""
        self.git("add", "-A")
        self.git("commit", "-q", "-m", message)
        return self.git("rev-parse", "HEAD").strip()

    def status(self) -> str:
        return self.git("status", "--porcelain")

    @property
    def objects(self) -> list[Path]:
        """The files of the store."""
        return sorted((self.path / ".git" / "theta" / "objects").glob("??/??/*"))


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    """An empty repository that tracks the usual checkpoints."""
    made = Repo(tmp_path / "repo")
    made.path.mkdir()
    made.git("init", "-q")
    made.theta("track", "*.safetensors", "*.pt", "*.bin")
    return made
