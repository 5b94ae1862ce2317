"""The diff driver: `git diff` runs it for each checkpoint, as `diff.theta.command`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress

from git_theta.errors import GitError, ThetaError, explained, traceback_lines
from git_theta.git.history.versions import VersionReader
from git_theta.git.plumbing.colour import painted, palette
from git_theta.git.plumbing.command import Git
from git_theta.git.plumbing.parent_command import is_difftool
from git_theta.git.repository.repository import current_repository
from git_theta.report.lines import Line, lines
from git_theta.report.side import Side
from git_theta.report.text import printable
from git_theta.runtime.output import warn, write_stdout

#: Number of arguments: a path, and of each side a file, a blob's id and a mode; for a renamed file, also the
#: new path and a text about the renaming.
_ARGUMENT_COUNTS = (7, 9)


def run_diff_driver(args: Sequence[str]) -> int:
    """Show what changed in one file.

    Args:
        args: As Git passes them.

    Returns:
        The exit code, which is 0 also after a failure: with another, Git would show none of the files that
        follow.
    """
    if is_difftool(os.environ):
        # Git prefers this driver to the tool; the tool is what the user wants to see.
        tool = os.environ["GIT_EXTERNAL_DIFF"]
        os.execvp("sh", ["sh", "-c", f'{tool} "$@"', tool, *args])  # noqa: S606
    path = printable(args[0]) if args else "git-theta"
    try:
        _write(_described(args))
    except BrokenPipeError:
        # The pager was closed, and Python would fail again when it flushes what is buffered.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        # Any failure concerns this file only.
        _write([(("head", f"{path}:"), ("", f" {printable(explained(error).one_line)}"))])
        warn(*traceback_lines(error))
    return 0


def _described(args: Sequence[str]) -> list[Line]:
    if len(args) == 1:
        return [(("head", f"{printable(args[0])}:"), ("", " not merged yet"))]
    if len(args) not in _ARGUMENT_COUNTS:
        raise ThetaError("git passes unusual arguments to diff.theta.command", "run `git theta install`")
    versions = VersionReader(current_repository())
    try:
        old = _side(versions, args[0], *args[1:4])
        new = _side(versions, args[7] if len(args) > 7 else args[0], *args[4:7])
        return list(lines(versions.compare(old, new)))
    finally:
        versions.close()


def _side(versions: VersionReader, path: str, name: str, oid: str, mode: str) -> Side:
    if name == os.devnull:
        return Side(path)
    if oid.strip("0"):
        return versions.from_blob(path, oid, mode, copy=name)
    return versions.from_file(name, path, mode)


def _write(found: Sequence[Line]) -> None:
    colours: dict[str, str] = {}
    with suppress(GitError):
        colours = palette(Git(), terminal=os.isatty(1))
    write_stdout(painted(found, colours))
