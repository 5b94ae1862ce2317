"""Path updates: what the attribute `theta-update` says about a path, from one `git check-attr --stdin`."""

from __future__ import annotations

import os
from pathlib import Path

from git_theta.git.plumbing.coprocess import Coprocess

ATTRIBUTE = "theta-update"

_UNSET = {"unspecified", "unset", "set", ""}


class PathUpdates:
    """Looks the attribute up. Start-up is deferred to the first question; not for concurrent use.

    Args:
        cwd: The top of the work tree; `None` for the current folder.
    """

    def __init__(self, cwd: Path | None = None) -> None:
        self._git = Coprocess("check-attr", "--stdin", "-z", ATTRIBUTE, cwd=cwd)

    def get(self, path: str) -> str | None:
        """The attribute's value for a path; `None` if it has none."""
        try:
            # Path, attribute and value.
            fields = self._git.fields(os.fsencode(path) + b"\0", 3)
        except OSError:
            return None
        value = os.fsdecode(fields[2]) if len(fields) == 3 else ""
        return None if value in _UNSET else value

    def close(self) -> None:
        """End the process."""
        self._git.close()
