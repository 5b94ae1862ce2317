"""Git commands that answer one question after another on their stdin and stdout."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO

from git_theta.git.plumbing.environment import internal_environment


class Coprocess:
    """A git command, started at the first question and, after `close`, at the next. Not for concurrent use.

    Args:
        args: Arguments of `git`.
        cwd: Where to run; `None` for the current folder.
        env: The environment; `None` for that of this process when the command starts.
        extra_env: Variables that are added to the environment.
        buffer: Size in bytes of the buffer for answers; -1 for Python's default.
    """

    def __init__(
        self,
        *args: str,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        extra_env: Mapping[str, str] | None = None,
        buffer: int = -1,
    ) -> None:
        self._args = args
        self._cwd = cwd
        self._env = env
        self._extra_env = extra_env or {}
        self._buffer = buffer
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, question: bytes) -> IO[bytes]:
        """Write a question; returns the stream from which its answer is to be read.

        Raises:
            OSError: The command has ended.
        """
        process = self._running()
        assert process.stdin is not None and process.stdout is not None  # noqa: S101, PT018
        process.stdin.write(question)
        process.stdin.flush()
        return process.stdout

    def fields(self, question: bytes, count: int) -> list[bytes]:
        """The `count` fields of an answer, each ended by a zero byte; fewer if the command ends meanwhile.

        Raises:
            OSError: The command has ended.
        """
        stream, answer = self.ask(question), b""
        while answer.count(b"\0") < count:
            piece = os.read(stream.fileno(), 1 << 16)
            if not piece:
                break
            answer += piece
        return answer.split(b"\0")[:-1]

    def close(self) -> None:
        """End the command."""
        process, self._process = self._process, None
        if process:
            with suppress(OSError):
                process.kill()
            for pipe in (process.stdin, process.stdout):
                if pipe:
                    with suppress(OSError):
                        pipe.close()
            process.wait()

    def _running(self) -> subprocess.Popen[bytes]:
        if not self._process:
            self._process = subprocess.Popen(
                ["git", *self._args],
                cwd=self._cwd,
                env={**internal_environment(self._env), **self._extra_env},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=self._buffer,
            )
        return self._process
