"""Running git."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from git_theta.errors import GitError
from git_theta.runtime import gitconfig


@dataclass(frozen=True)
class Git:
    """Git, run in a folder.

    Attributes:
        cwd: Where to run; `None` for the current folder.
        env: The environment; `None` for this process's own.
    """

    cwd: Path | None = None
    env: Mapping[str, str] | None = None

    @property
    def folder(self) -> Path:
        """The folder where Git runs."""
        return self.cwd or Path.cwd()

    def path(self, name: str) -> str:
        """The path, for this process, of a file whose name is relative to the folder where Git runs."""
        return name if self.cwd is None else os.path.join(self.cwd, name)

    def run(self, *args: str, stdin: bytes | None = None) -> bytes:
        """What `git ARGS…` prints.

        Raises:
            GitError: It failed; the message has what it said.
        """
        done = self._call(args, stdin)
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip().removeprefix("fatal: ")
            if said.startswith("not a git repository"):
                raise GitError(
                    "this folder isn't in a Git repository", "go to one, or make one here with `git init`"
                )
            raise GitError(f"git {args[0]} failed: {said or f'exit code {done.returncode}'}")
        return done.stdout

    def ok(self, *args: str, stdin: bytes | None = None) -> bool:
        """Whether `git ARGS…` exits with 0; what it prints is dropped."""
        return self._call(args, stdin).returncode == 0

    def silent(self) -> Git:
        """The same, asking nobody for a password."""
        env = os.environ if self.env is None else self.env
        return Git(self.cwd, {**env, "GIT_TERMINAL_PROMPT": "0", "GIT_ASKPASS": ""})

    def originals(self) -> Git:
        """The same, without what `git replace` puts in the place of objects: Git sends what they are."""
        env = os.environ if self.env is None else self.env
        return Git(self.cwd, {**env, "GIT_NO_REPLACE_OBJECTS": "1"})

    def line(self, *args: str) -> str:
        """What `git ARGS…` prints, as text without the final newline."""
        return os.fsdecode(self.run(*args)).removesuffix("\n")

    @cached_property
    def settings(self) -> gitconfig.GitConfig:
        """Git's configuration: lower-case keys, the last value of each; also see `values`."""
        return parse_config(self.run("config", "--list", "-z"))

    def config(self, key: str, default: str = "") -> str:
        """One setting; `key` in lower case but for its middle part."""
        return self.settings.get(key, default)

    def values(self, key: str) -> list[str]:
        """All values of a setting; an empty one drops those before it."""
        return gitconfig.all_values(self.settings, key)

    def _call(self, args: tuple[str, ...], stdin: bytes | None) -> subprocess.CompletedProcess[bytes]:
        # Messages are matched, so they must not be translated.
        env = {**(os.environ if self.env is None else self.env), "LC_ALL": "C"}
        try:
            return subprocess.run(["git", *args], cwd=self.cwd, env=env, input=stdin, capture_output=True)
        except FileNotFoundError as error:
            raise GitError("git isn't installed or isn't on PATH", "install git 2.31 or newer") from error


def parse_config(listing: bytes) -> gitconfig.GitConfig:
    """Read what `git config --list -z` prints: lower-case keys, in Git's order."""
    items = [os.fsdecode(item).partition("\n") for item in listing.split(b"\0")]
    # A key without "=" in the file means true.
    return gitconfig.GitConfig((key, value if newline else "true") for key, newline, value in items if key)
