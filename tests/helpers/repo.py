"""A repository in a folder, with the commands that tests run in it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from itertools import count
from pathlib import Path

from git_theta.git.plumbing.index_stat import patch_stats
from tests.helpers import in_process

#: A time for each file, in whole seconds: many builds of Git compare no more, and would miss a change.
_TIMES = count(1_600_000_000)


@dataclass(frozen=True)
class Repo:
    """A repository and its commands in tests."""

    path: Path

    def run(
        self, *args: str, ok: bool = True, stdin: bytes | None = None, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in the work tree; it must succeed if `ok`."""
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
        """The output of `git ARGS…`, on stdout and then on stderr."""
        done = self.run("git", *args, ok=ok, env=env)
        return done.stdout + done.stderr

    def theta(self, *args: str, ok: bool = True) -> str:
        """The output of `git theta ARGS…`, on stdout and then on stderr."""
        done = self.run_theta(*args, ok=ok)
        return done.stdout + done.stderr

    def run_theta(
        self, *args: str, ok: bool = True, stdin: bytes | None = None, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run `git theta ARGS…` in this process; it must succeed if `ok`."""
        done = in_process.theta(self.path, args, stdin, env)
        said = f"{done.stdout}\n{done.stderr}"
        assert done.returncode == 0 or not ok, f"git theta {args} exited with {done.returncode}\n{said}"
        return done

    def write(self, name: str, data: bytes) -> Path:
        """Write a file, and the folders above it.

        The file's time is older than the index. Git would read a file of the same second again with each
        command, and start the filter each time.
        """
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        time = next(_TIMES)
        os.utime(path, (time, time))
        return path

    def read(self, name: str) -> bytes:
        return (self.path / name).read_bytes()

    def commit(self, message: str = "change") -> str:
        """Add and commit everything; returns the commit's id."""
        self.git("add", "-A")
        self.git("commit", "-q", "-m", message)
        return self.git("rev-parse", "HEAD").strip()

    def copy(self, path: Path) -> Repo:
        """A copy of a repository that no longer changes; its index has the stat data of the copied files."""
        made = Repo(shutil.copytree(self.path, path, symlinks=True))
        patch_stats(made.path / ".git" / "index", made.path, _unchanged(self))
        return made

    def status(self) -> str:
        return self.git("status", "--porcelain")

    @property
    def objects(self) -> list[Path]:
        """The files of the store."""
        return sorted((self.path / ".git" / "theta" / "objects").glob("??/??/*"))


@cache
def _unchanged(repo: Repo) -> Mapping[bytes, str]:
    """The blob ids of files that are unchanged since they were added, by path."""
    changed = repo.git("diff-files", "-z", "--name-only").split("\0")
    entries = (entry.partition("\t") for entry in repo.git("ls-files", "-s", "-z").split("\0") if entry)
    return {name.encode(): entry.split()[1] for entry, _, name in entries if name not in changed}
