"""What attributes a path has, by Git's own rules, in trees that aren't checked out."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from git_theta.errors import GitError
from git_theta.git.command import Git


class Lookup:
    """Asks `git check-attr --cached`. Start-up is deferred to the first question; not for concurrent use.

    Args:
        git: Git in the repository.
        index: An index, which needn't have more than attributes files.
        names: The attributes to ask for.
        options: Options of `git` itself.
    """

    def __init__(self, git: Git, index: Path, names: Sequence[str], options: Sequence[str] = ()) -> None:
        self._git = git
        self._index = index
        self._names = names
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    def get(self, path: bytes) -> tuple[str, ...]:
        """The values of the attributes, in their order; `unspecified` where nothing is said.

        Raises:
            GitError: Git failed.
        """
        process = self._running()
        assert process.stdin is not None and process.stdout is not None  # noqa: S101, PT018
        answer = b""
        with suppress(OSError):
            process.stdin.write(path + b"\0")
            process.stdin.flush()
            # Path, attribute and value, each ended by a zero byte.
            while answer.count(b"\0") < 3 * len(self._names):
                more = os.read(process.stdout.fileno(), 1 << 16)
                if not more:
                    break
                answer += more
        values = answer.split(b"\0")[2::3]
        if len(values) != len(self._names):
            raise GitError(f"git check-attr failed for {os.fsdecode(path)!r}")
        return tuple(map(os.fsdecode, values))

    def close(self) -> None:
        """End the process; the next question starts another one."""
        process, self._process = self._process, None
        if process:
            process.kill()
            for pipe in (process.stdin, process.stdout):
                if pipe:
                    with suppress(OSError):
                        pipe.close()
            process.wait()

    def _running(self) -> subprocess.Popen[bytes]:
        if not self._process:
            env = {**(os.environ if self._git.env is None else self._git.env)}
            self._process = subprocess.Popen(
                ["git", *self._options, "check-attr", "--cached", "--stdin", "-z", *self._names],
                cwd=self._git.cwd,
                env={**env, "GIT_INDEX_FILE": str(self._index)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        return self._process


def write_index(git: Git, index: Path, blobs: Mapping[str, str]) -> None:
    """Make an index of a few files.

    Args:
        git: Git in the repository.
        index: Where; there's nothing yet.
        blobs: Path → id of a blob that is there.
    """
    inside = Git(git.cwd, {**(os.environ if git.env is None else git.env), "GIT_INDEX_FILE": str(index)})
    lines = b"".join(b"100644 %b 0\t%b\0" % (oid.encode(), os.fsencode(path)) for path, oid in blobs.items())
    inside.run("-c", "core.splitIndex=false", "update-index", "-z", "--index-info", stdin=lines)
