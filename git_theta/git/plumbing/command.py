"""Git commands, run in a folder."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from git_theta.errors import GitError
from git_theta.git.plumbing.environment import internal_environment
from git_theta.runtime import gitconfig

#: Bytes of a listing: more than a million files.
_MAX_LISTING = 256 << 20

#: Bytes that are read at once from a listing.
_READ = 1 << 20


@dataclass(frozen=True)
class Git:
    """Git, run in a folder.

    Attributes:
        cwd: The folder; `None` for the current one.
        env: The environment; `None` for that of this process. Commands get it cleaned: see `environment`.
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
        """The stdout of `git ARGS…`.

        Raises:
            GitError: The command failed; the message has its stderr.
        """
        return _checked(args[0], self._call(args, stdin))

    def listing(self, *args: str) -> bytes:
        """The stdout of a command that lists files of trees, which may be very many.

        Raises:
            GitError: The command failed, or its output is larger than any repository's: a few trees that
                contain each other have billions of files.
        """
        return b"".join(self._read_listing(args))

    def records(self, *args: str, end: bytes = b"\0") -> Iterator[bytes]:
        """The records of a listing, one after the other, without the bytes that end each.

        Raises:
            GitError: As for `listing`, when the records before were given.
        """
        rest = b""
        for piece in self._read_listing(args):
            *records, rest = (rest + piece).split(end)
            yield from records
        if rest:
            yield rest

    def check_listed(self, *revs: str) -> None:
        """Check that trees have no more files than a listing holds.

        Commands that compare trees keep all differences in memory before they write the first.

        Raises:
            GitError: There's no such tree, or it has more files.
        """
        for rev in revs:
            for _ in self._read_listing(("ls-tree", "-r", "-z", "--full-tree", rev)):
                pass

    def _read_listing(self, args: tuple[str, ...]) -> Iterator[bytes]:
        env = internal_environment(self.env)
        with tempfile.TemporaryFile() as stderr:
            try:
                process = subprocess.Popen(
                    ["git", *args], cwd=self.cwd, env=env, stdin=subprocess.DEVNULL, stdout=-1, stderr=stderr
                )
            except FileNotFoundError as error:
                raise _not_found() from error
            with process:
                assert process.stdout  # noqa: S101
                total = 0
                try:
                    while piece := process.stdout.read(_READ):
                        total += len(piece)
                        if total > _MAX_LISTING:
                            raise GitError(f"git {args[0]} lists more than {_MAX_LISTING >> 20} MiB of files")
                        yield piece
                except BaseException:
                    process.kill()
                    raise
            stderr.seek(0)
            _checked(args[0], subprocess.CompletedProcess(args, process.returncode, b"", stderr.read()))

    def ok(self, *args: str, stdin: bytes | None = None) -> bool:
        """Whether `git ARGS…` exits with 0; its output is dropped."""
        return self._call(args, stdin).returncode == 0

    def silent(self) -> Git:
        """The same Git, which never asks for a user name or a password."""
        env = os.environ if self.env is None else self.env
        return Git(self.cwd, {**env, "GIT_TERMINAL_PROMPT": "0", "GIT_ASKPASS": ""})

    def originals(self) -> Git:
        """The same Git, ignoring `git replace`, as when Git itself sends objects."""
        env = os.environ if self.env is None else self.env
        return Git(self.cwd, {**env, "GIT_NO_REPLACE_OBJECTS": "1"})

    def line(self, *args: str) -> str:
        """The stdout of `git ARGS…` as text, without the final newline."""
        return os.fsdecode(self.run(*args)).removesuffix("\n")

    @cached_property
    def settings(self) -> gitconfig.GitConfig:
        """Git's configuration: key in lower case → its last value; see also `values`."""
        return parse_config(self.run("config", "--list", "-z"))

    def config(self, key: str, default: str = "") -> str:
        """One setting. The key is in lower case, except for its middle part."""
        return self.settings.get(key, default)

    def values(self, key: str) -> list[str]:
        """All values of a setting; an empty value drops the earlier ones."""
        return gitconfig.all_values(self.settings, key)

    def _call(self, args: tuple[str, ...], stdin: bytes | None) -> subprocess.CompletedProcess[bytes]:
        env = internal_environment(self.env)
        try:
            return subprocess.run(["git", *args], cwd=self.cwd, env=env, input=stdin, capture_output=True)
        except FileNotFoundError as error:
            raise _not_found() from error


def _checked(command: str, done: subprocess.CompletedProcess[bytes]) -> bytes:
    """The stdout of a command that succeeded.

    Raises:
        GitError: It failed.
    """
    if done.returncode:
        message = said(done.stderr)
        if message.startswith("not a git repository"):
            raise GitError(
                "this folder isn't in a Git repository", "go to one, or make one here with `git init`"
            )
        raise GitError(f"git {command} failed: {message or f'exit code {done.returncode}'}")
    return done.stdout


def _not_found() -> GitError:
    return GitError("git isn't installed or isn't on PATH", "install git")


def said(stderr: bytes) -> str:
    """The messages of a git command in one line."""
    lines = stderr.decode(errors="replace").strip().removeprefix("fatal: ").splitlines()
    return "; ".join(line.strip() for line in lines if line.strip())


def parse_config(listing: bytes) -> gitconfig.GitConfig:
    """Parse the output of `git config --list -z`: lower-case keys, in Git's order."""
    items = [os.fsdecode(item).partition("\n") for item in listing.split(b"\0")]
    # A key without "=" in the file means true.
    return gitconfig.GitConfig((key, value if newline else "true") for key, newline, value in items if key)
