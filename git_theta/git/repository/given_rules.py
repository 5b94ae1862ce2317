"""Merge rules that are given for one operation: in the environment, by `git -c`, or by `-X ours`.

An operation of several commits, such as a rebase, may stop and be continued by a command without them. So
they are kept in Git's folder of that operation, which Git removes at the operation's end.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from git_theta.git.plumbing.parent_command import favoured_side
from git_theta.git.repository.merge_rules import ASK, checked_rules, for_picks
from git_theta.git.repository.operation import APPLY, REBASE, SEQUENCE
from git_theta.git.repository.repository import Repository
from git_theta.git.repository.rule_variables import RULE_KEYS, RULES_VARIABLE, gives_settings
from git_theta.merging.purpose import Operation
from git_theta.merging.rule_text import parse_lines, parse_rule
from git_theta.merging.rules import MergeRule
from git_theta.runtime.atomic_write import atomic_write
from git_theta.runtime.shared_folders import share

#: Name of the file with rules in the folder of an operation.
_KEPT: Final = "theta-rules"

#: Command → the folders that Git may have for it.
_FOLDERS: Final[Mapping[str, tuple[str, ...]]] = {
    "rebase": (REBASE, APPLY),
    "am": (APPLY,),
    "cherry-pick": (SEQUENCE,),
    "revert": (SEQUENCE,),
}


def given_rules(
    repository: Repository, operation: Operation, environment: Mapping[str, str] = os.environ
) -> tuple[MergeRule, ...]:
    """The rules given for an operation, by this command or by the one that began it, checked.

    Args:
        repository: The repository, with Git at the top of its work tree if it isn't bare.
        operation: The operation.
        environment: Environment variables.

    Raises:
        UsageError: A rule isn't valid; the message says where it stands.
    """
    folder = _folder(repository.git_dir, operation)
    side = favoured_side()
    now = (
        *_of_command_line(repository, environment),
        *_of_text(environment.get(RULES_VARIABLE, "")),
        *([_favoured(side)] if side else []),
    )
    kept = _kept(folder) if folder else ()
    return (*(rule for rule in kept if rule not in now), *now)


def keep_rules(repository: Repository, operation: Operation, rules: Sequence[MergeRule]) -> None:
    """Keep rules for the commands that continue an operation, if it has several steps."""
    folder = _folder(repository.git_dir, operation)
    if folder and rules and tuple(rules) != _kept(folder):
        with suppress(OSError):
            atomic_write(folder / _KEPT, "\n".join(map(str, rules)).encode("utf-8", "surrogateescape"))
            share(folder / _KEPT)


def parse_given(texts: Sequence[str]) -> tuple[MergeRule, ...]:
    """The rules of a record of conflicts."""
    return tuple(replace(parse_rule(text), place="the command") for text in texts)


def _folder(git_dir: Path, operation: Operation) -> Path | None:
    """The folder of an operation in progress; `None` for an operation of one step."""
    folders = (git_dir / name for name in _FOLDERS.get(operation.name, ()))
    return next((folder for folder in folders if folder.is_dir()), None)


def _kept(folder: Path) -> tuple[MergeRule, ...]:
    """The rules that an earlier command of the operation was given, to git-theta or as Git's `-X`."""
    rules: tuple[MergeRule, ...] = ()
    with suppress(OSError):
        rules = _of_text((folder / _KEPT).read_text("utf-8", "surrogateescape"))
    side = _kept_side(folder)
    return (*rules, _favoured(side)) if side and _favoured(side) not in rules else rules


def _kept_side(folder: Path) -> str:
    """The side of `-X ours` or `-X theirs`, which Git keeps in files of its own; empty for none."""
    words: list[str] = []
    with suppress(OSError, ValueError):
        words = shlex.split((folder / "strategy_opts").read_text(errors="replace"))
    with suppress(OSError, ValueError):
        lines = (folder / "opts").read_text(errors="replace").split("\n")
        pairs = [line.partition("=") for line in lines]
        words += [value.strip() for key, _, value in pairs if key.strip() == "strategy-option"]
    sides = [word.removeprefix("--") for word in words]
    return next((side for side in reversed(sides) if side in ("ours", "theirs")), "")


def _favoured(side: str) -> MergeRule:
    return MergeRule(side, place=f"-X {side}")


def _of_text(text: str) -> tuple[MergeRule, ...]:
    rules = checked_rules(RULES_VARIABLE, partial(parse_lines, text))
    return tuple(replace(rule, place=RULES_VARIABLE) for rule in rules)


def _of_command_line(repository: Repository, environment: Mapping[str, str]) -> tuple[MergeRule, ...]:
    """The rules of `git -c theta.merge=…` and the like."""
    if not gives_settings(environment):
        return ()
    found: list[MergeRule] = []
    listed = os.fsdecode(repository.git.run("config", "--show-scope", "--list", "-z")).split("\0")
    for scope, setting in zip(listed[::2], listed[1::2], strict=False):
        key, _, value = setting.partition("\n")
        if scope == "command" and key in RULE_KEYS and value.strip() not in ("", ASK):
            found += (
                replace(for_picks(rule) if key == RULE_KEYS[-1] else rule, place=f"-c {key}")
                for rule in checked_rules(f"git -c {key}", partial(parse_lines, value))
            )
    return tuple(found)
