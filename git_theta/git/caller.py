"""Who asks: the git command that started this process, which decides what it does with an answer."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

_PROCESSES = Path("/proc")

#: Between git and this process there's at most the shell that git runs a filter by.
_GENERATIONS = 3

#: Commands that smudge to no other end than to show a difference, unless they write to the work tree.
_SHOW = frozenset(
    (
        "commit",
        "diff",
        "diff-files",
        "diff-index",
        "diff-tree",
        "log",
        "range-diff",
        "show",
        "stash",
        "status",
    )
)

#: Git's own options before the command: those that the next word belongs to, and those that stand alone.
_WITH_WORD = frozenset(
    ("-C", "-c", "--attr-source", "--config-env", "--git-dir", "--namespace", "--super-prefix", "--work-tree")
)
_ALONE = frozenset(
    (
        *("-p", "--paginate", "-P", "--no-pager", "--bare", "--no-replace-objects", "--no-optional-locks"),
        *("--literal-pathspecs", "--glob-pathspecs", "--noglob-pathspecs", "--icase-pathspecs"),
    )
)


def only_shows() -> bool:
    """Whether git runs a command that shows differences; false where that isn't certain."""
    process = os.getppid()
    with suppress(OSError, ValueError, IndexError, subprocess.SubprocessError):
        for _ in range(_GENERATIONS):
            parent, words, exact = _look_up(process)
            name = os.path.basename(words[0])
            if name == "git":
                return subcommand(words, exact=exact) in _SHOW
            if name.startswith("git"):
                return False
            process = parent
    return False


def subcommand(words: Sequence[str], *, exact: bool = True) -> str:
    """The command among git's arguments; empty where that isn't certain.

    Args:
        words: The arguments, `git` itself first.
        exact: Whether each is a whole argument; otherwise one with spaces has become several.
    """
    at = 1
    while at < len(words):
        word = words[at]
        if word in _ALONE or (
            word.startswith("--") and "=" in word and word.partition("=")[0] in _WITH_WORD and exact
        ):
            at += 1
        elif word in _WITH_WORD and exact:
            at += 2
        else:
            return "" if word.startswith("-") else word
    return ""


def is_difftool(environment: Mapping[str, str]) -> bool:
    """Whether the difference is for `git difftool`, whose tool wants whole files."""
    return "git-difftool" in environment.get("GIT_EXTERNAL_DIFF", "")


def _look_up(process: int) -> tuple[int, list[str], bool]:
    """Parent and arguments of a process, and whether the arguments are exact."""
    folder = _PROCESSES / str(process)
    if folder.exists():
        words = os.fsdecode((folder / "cmdline").read_bytes()).split("\0")[:-1]
        # The name, in parentheses, may hold anything; the state and the parent follow it.
        fields = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()
        return int(fields[1]), words, True
    listing = subprocess.run(
        ["ps", "-ww", "-o", "ppid=", "-o", "args=", "-p", str(process)],
        capture_output=True,
        check=True,
        timeout=5,
    )
    parent, *rest = os.fsdecode(listing.stdout).split()
    return int(parent), rest, False
