"""Path updates: what the attribute `theta-update` says about a path, from one `git check-attr --stdin`."""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from pathlib import Path

ATTRIBUTE = "theta-update"

_UNSET = {"unspecified", "unset", "set", ""}


class PathUpdates:
    """Looks the attribute up. Start-up is deferred to the first question; not for concurrent use.

    Args:
        cwd: The top of the work tree; `None` for the current folder.
    """

    def __init__(self, cwd: Path | None = None) -> None:
        self._cwd = cwd
        self._process: subprocess.Popen[bytes] | None = None

    def get(self, path: str) -> str | None:
        """The attribute's value for a path; `None` if it has none."""
        try:
            process = self._running()
            assert process.stdin is not None and process.stdout is not None  # noqa: S101, PT018
            process.stdin.write(os.fsencode(path) + b"\0")
            process.stdin.flush()
            answer = b""
            # Path, attribute and value, each ended by a zero byte.
            while answer.count(b"\0") < 3:
                more = os.read(process.stdout.fileno(), 1 << 16)
                if not more:
                    return None
                answer += more
        except (BrokenPipeError, OSError):
            return None
        value = os.fsdecode(answer.split(b"\0")[2])
        return None if value in _UNSET else value

    def close(self) -> None:
        """End the process."""
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
            self._process = subprocess.Popen(
                ["git", "check-attr", "--stdin", "-z", ATTRIBUTE],
                cwd=self._cwd,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        return self._process
