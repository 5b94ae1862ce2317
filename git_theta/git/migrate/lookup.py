"""What attributes a path has, by Git's own rules, in trees that aren't checked out."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from git_theta.errors import GitError
from git_theta.git.plumbing.command import Git
from git_theta.git.plumbing.coprocess import Coprocess


class Lookup:
    """Asks `git check-attr --cached`. Start-up is deferred to the first question; not for concurrent use.

    Args:
        git: Git in the repository.
        index: An index, which needn't have more than attributes files.
        names: The attributes to ask for.
        options: Options of `git` itself.
    """

    def __init__(self, git: Git, index: Path, names: Sequence[str], options: Sequence[str] = ()) -> None:
        self._names = names
        self._git = Coprocess(
            *(*options, "check-attr", "--cached", "--stdin", "-z", *names),
            cwd=git.cwd,
            env=git.env,
            more={"GIT_INDEX_FILE": str(index)},
        )

    def get(self, path: bytes) -> tuple[str, ...]:
        """The values of the attributes, in their order; `unspecified` where nothing is said.

        Raises:
            GitError: Git failed.
        """
        fields: list[bytes] = []
        with suppress(OSError):
            # Path, attribute and value of each.
            fields = self._git.fields(path + b"\0", 3 * len(self._names))
        values = fields[2::3]
        if len(values) != len(self._names):
            raise GitError(f"git check-attr failed for {os.fsdecode(path)!r}")
        return tuple(map(os.fsdecode, values))

    def close(self) -> None:
        """End the process; the next question starts another one."""
        self._git.close()


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
