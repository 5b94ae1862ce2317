"""The git command above this process, found in the process table.

Git tells a filter, a driver or a hook nothing about the command that it's run for. Every question here has
the answer "no" where the process table doesn't give a certain one.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

_PROCESSES = Path("/proc")

#: Parents to look at: between git and this process, there's at most the shell that runs a filter.
_GENERATIONS = 3

#: Parents to look at for hooks, which may be run by other programs, each with its shells.
_HOOK_GENERATIONS = 10

#: Commands by which the user stages files of the work tree.
_ADD = frozenset(("add", "commit", "stage"))

#: Options of `commit` that stage files.
_ADDING = frozenset(("-a", "--all", "-i", "--include", "-o", "--only"))

#: Commands with the option -X, and its spellings with the value as a word of its own.
_MERGE = frozenset(("am", "cherry-pick", "merge", "merge-tree", "pull", "rebase", "revert"))
_OPTION = frozenset(("-X", "--strategy-option"))

#: Commands whose options are looked at → their short options and long options that have a value.
_VALUED = {
    "commit": (
        "CFcmt",
        ("--author", "--cleanup", "--date", "--file", "--fixup", "--message", "--squash", "--template"),
    ),
    "clone": ("bcjou", ("--branch", "--config", "--origin", "--upload-pack")),
    "push": ("o", ("--exec", "--push-option", "--receive-pack", "--recurse-submodules", "--repo")),
}

#: Git's own options before the command: those whose value is the next word, and those without a value.
_WITH_WORD = frozenset(
    ("-C", "-c", "--attr-source", "--config-env", "--git-dir", "--namespace", "--super-prefix", "--work-tree")
)
_ALONE = frozenset(
    (
        *("-p", "--paginate", "-P", "--no-pager", "--bare", "--no-replace-objects", "--no-optional-locks"),
        *("--literal-pathspecs", "--glob-pathspecs", "--noglob-pathspecs", "--icase-pathspecs"),
    )
)

#: Commands that clean files of the work tree only to compare or to show them.
_LOOKING = frozenset(
    ("status", "diff", "diff-files", "diff-index", "blame", "annotate", "describe", "ls-files")
)


def git_command() -> str:
    """The subcommand of the nearest git above this process; empty if it isn't certain."""
    for _process, words, exact in _gits():
        return subcommand(words, exact=exact)
    return ""


def stages_files() -> bool:
    """Whether git runs a command that stages files of the work tree."""
    return git_command() in _ADD


def stages_paths() -> bool:
    """Whether git runs a command that takes files of the work tree into the index, and nothing else."""
    return git_command() in ("add", "stage", "update-index")


def adds_files() -> bool:
    """Whether git runs `add`, or a `commit` with an option that stages files."""
    command = git_command()
    return command in ("add", "stage") or (
        command == "commit" and not _ADDING.isdisjoint(_options_of(command))
    )


def only_looks() -> bool:
    """Whether git runs a command that asks how files differ, and stores none of them."""
    return git_command() in _LOOKING


def is_dry_run() -> bool:
    """Whether git runs `push --dry-run`."""
    return not _options_of("push").isdisjoint(("-n", "--dry-run"))


def is_mirror_push() -> bool:
    """Whether git runs `push --mirror`."""
    return "--mirror" in _options_of("push")


def is_quiet() -> bool:
    """Whether git runs `push --quiet` or `clone --quiet`."""
    return not _options_of("push", "clone").isdisjoint(("-q", "--quiet"))


def _options_of(*commands: str) -> set[str]:
    """The options of the nearest of these commands above this process; empty if there's none."""
    for _process, words, exact in _gits(_HOOK_GENERATIONS):
        command = subcommand(words)
        if exact and command in commands:
            return options(words[words.index(command) + 1 :], *_VALUED[command])
    return set()


def options(words: Sequence[str], letters: str, names: Sequence[str]) -> set[str]:
    """The options among a command's arguments, one by one and without their values.

    Args:
        words: The arguments.
        letters: Short options that have a value, in the rest of the word or in the next word.
        names: Long options that have a value, after `=` or in the next word.
    """
    found: set[str] = set()
    rest = iter(words)
    for word in rest:
        if word == "--":
            break
        if word.startswith("--no-"):
            found.discard(f"--{word.removeprefix('--no-')}")
        elif word.startswith("--"):
            found.add(word)
            if word in names:
                next(rest, None)
        elif word.startswith("-"):
            flags = word.removeprefix("-")
            end = next((at for at, letter in enumerate(flags) if letter in letters), len(flags))
            found.update(f"-{letter}" for letter in flags[:end])
            if end == len(flags) - 1:
                next(rest, None)
    return found


def favoured_side() -> str:
    """The side that a merge, a rebase and so on prefers by `-X ours` or `-X theirs`; empty for none."""
    found = ""
    for _process, words, exact in _gits():
        if not exact or subcommand(words) not in _MERGE:
            continue
        for word, following in zip(words, [*words[1:], ""], strict=True):
            value = following if word in _OPTION else ""
            for prefix in ("-X", "--strategy-option="):
                if word.startswith(prefix) and word != prefix:
                    value = word.removeprefix(prefix)
            found = value if value in ("ours", "theirs") else found
        return found
    return found


def nearest_command() -> tuple[str, list[str]]:
    """The subcommand and arguments of the nearest git above this process; empty if they aren't certain."""
    for _process, words, exact in _gits():
        command = subcommand(words, exact=exact)
        return command, words[words.index(command) + 1 :] if command else []
    return "", []


def git_process() -> int:
    """The id of the nearest git above this process; 0 if it isn't certain."""
    return next((process for process, _words, _exact in _gits()), 0)


def _gits(generations: int = _GENERATIONS) -> Iterator[tuple[int, list[str], bool]]:
    """Id and arguments of the git processes above this one, the nearest first, and whether they're exact."""
    process = os.getppid()
    with suppress(OSError, ValueError, IndexError, subprocess.SubprocessError):
        for _ in range(generations):
            parent, words, exact = _look_up(process)
            name = os.path.basename(words[0])
            if name == "git":
                yield process, words, exact
            elif name.startswith("git"):
                return
            process = parent


def subcommand(words: Sequence[str], *, exact: bool = True) -> str:
    """The subcommand among git's arguments; empty if it isn't certain.

    Args:
        words: The arguments, `git` itself first.
        exact: Whether each word is a whole argument; if not, arguments were split at spaces.
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
    """Whether a diff driver is run for `git difftool`, whose tool needs whole files."""
    return "git-difftool" in environment.get("GIT_EXTERNAL_DIFF", "")


def _look_up(process: int) -> tuple[int, list[str], bool]:
    """Parent and arguments of a process, and whether the arguments are exact."""
    folder = _PROCESSES / str(process)
    if folder.exists():
        words = os.fsdecode((folder / "cmdline").read_bytes()).split("\0")[:-1]
        # The name of the program, in parentheses, may hold anything; state and parent follow it.
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
