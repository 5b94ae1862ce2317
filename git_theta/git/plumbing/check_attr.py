"""Attributes of paths, as `git check-attr` answers."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress

from git_theta.errors import GitError
from git_theta.git.plumbing.coprocess import Coprocess

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

    from git_theta.git.plumbing.command import Git

#: Git's answers for attributes without a text of their own.
_NO_TEXT = {"unspecified", "unset", "set", ""}


def attribute_values(git: Git, attribute: str, paths: Iterable[str]) -> dict[str, str]:
    """Path → value of one attribute; `unspecified`, `set` and `unset` are values too.

    Args:
        git: Git in the folder that the paths start from.
        attribute: Its name.
        paths: Paths of files, which needn't be there.

    Raises:
        GitError: A path is outside of the repository.
    """
    names = b"".join(os.fsencode(path) + b"\0" for path in paths)
    if not names:
        return {}
    return dict(_parse(git.run("check-attr", "-z", "--stdin", attribute, stdin=names).split(b"\0")))


def attribute_text(value: str) -> str | None:
    """The text that an attribute is set to (`NAME=TEXT`); `None` if it's set to none."""
    return None if value in _NO_TEXT else value


class AttributeLookup:
    """Attributes of one path after another, from one process. It starts at the first question.

    Not for concurrent use.

    Args:
        git: Git in the folder that the paths start from.
        attributes: Names of the attributes.
        index: The index whose attributes files count, in place of those in the work tree; it needn't have
            more than these.
        options: Options of `git` itself.
    """

    def __init__(
        self, git: Git, attributes: Sequence[str], index: Path | None = None, options: Sequence[str] = ()
    ) -> None:
        self._attributes = attributes
        cached = ["--cached"] if index else []
        self._process = Coprocess(
            *(*options, "check-attr", *cached, "--stdin", "-z", *attributes),
            cwd=git.cwd,
            env=git.env,
            extra_env={"GIT_INDEX_FILE": str(index)} if index else None,
        )

    def get(self, path: bytes) -> tuple[str, ...]:
        """The values of the attributes, in their order.

        Raises:
            GitError: Git failed.
        """
        fields: list[bytes] = []
        with suppress(OSError):
            fields = self._process.fields(path + b"\0", 3 * len(self._attributes))
        values = tuple(value for _path, value in _parse(fields))
        if len(values) != len(self._attributes):
            raise GitError(f"git check-attr failed for {os.fsdecode(path)!r}")
        return values

    def close(self) -> None:
        """End the process; the next question starts another one."""
        self._process.close()


def _parse(fields: Sequence[bytes]) -> Iterable[tuple[str, str]]:
    """Path and value from `PATH NUL ATTRIBUTE NUL VALUE NUL …`."""
    return zip(map(os.fsdecode, fields[::3]), map(os.fsdecode, fields[2::3]), strict=False)
