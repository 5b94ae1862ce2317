"""Git's own merge of one branch, as a command of the terminal."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from git_theta.errors import UsageError
from git_theta.git.plumbing.command import Git
from git_theta.git.plumbing.sigint import interrupts_left_to_others
from git_theta.git.repository.given_base import BASE_VARIABLE
from git_theta.git.repository.merge_rules import asks_user
from git_theta.git.repository.repository import Repository
from git_theta.git.repository.rule_variables import RULES_VARIABLE
from git_theta.merging.outcome import LAYOUT
from git_theta.merging.rules import MergeRule

#: Whether HEAD may be moved to the branch instead of making a merge commit.
FastForward = Literal["allow", "only", "never"]

_FAST_FORWARD: dict[FastForward, list[str]] = {"allow": [], "only": ["--ff-only"], "never": ["--no-ff"]}


@dataclass(frozen=True, slots=True)
class MergeOptions:
    """Options of `git theta merge`.

    Attributes:
        rules: Rules for checkpoints, before all others, a later one first; empty to leave it to the settings.
        base: The merge base of checkpoints, as `base_id` gives it; empty for Git's.
        messages: Paragraphs of the commit's message; empty to let Git write it.
        commit: Whether to commit; several branches can't be merged without.
        fast_forward: Whether HEAD may be moved instead.
        unrelated: Whether branches without a common ancestor may be merged.
        edit: Whether an editor may open for the message.
    """

    rules: tuple[MergeRule, ...] = ()
    base: str = ""
    messages: tuple[str, ...] = ()
    commit: bool = True
    fast_forward: FastForward = "allow"
    unrelated: bool = False
    edit: bool = True


def rules_text(rules: Sequence[MergeRule]) -> str:
    """Rules as in the variable `GIT_THETA_MERGE`: those that it has, and others, which take precedence.

    Raises:
        UsageError: A rule has a semicolon or a line break in it.
    """
    for rule in rules:
        if set(str(rule)) & {";", "\n"}:
            raise UsageError(f"a rule can't have a semicolon or a line break in it: {rule}")
    text = os.environ.get(RULES_VARIABLE, "")
    return ";".join([*([text] if text else []), *map(str, rules)])


def git_merge(branch: str, rules: str, options: MergeOptions, *extra: str) -> int:
    """Run `git merge`; returns its exit code.

    Args:
        branch: The branch.
        rules: Rules as in the variable `GIT_THETA_MERGE`.
        options: Options of the merge.
        extra: More options of `git merge`, stronger than those.

    Raises:
        KeyboardInterrupt: Ctrl-C ended it.
    """
    words = ["git", *_not_asking(options.rules), "merge"]
    words += [word for text in options.messages for word in ("-m", text)]
    words += [] if options.commit else ["--no-commit"]
    words += [] if options.edit else ["--no-edit"]
    words += _FAST_FORWARD[options.fast_forward]
    words += ["--allow-unrelated-histories"] if options.unrelated else []
    return run_on_terminal([*words, *extra, "--", branch], env=_environment(rules, options))


def git_commit(options: MergeOptions) -> int:
    """Commit a merge as `git merge` would have; returns the exit code.

    Raises:
        KeyboardInterrupt: Ctrl-C ended it.
    """
    asked = os.environ.get("GIT_MERGE_AUTOEDIT", "yes" if _on_terminal() else "no") not in (
        "no",
        "0",
        "false",
    )
    edit = options.edit and not options.messages and asked
    return run_on_terminal(["git", "commit", *([] if edit else ["--no-edit"])], env=os.environ)


def _on_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def _environment(rules: str, options: MergeOptions) -> dict[str, str]:
    given = {BASE_VARIABLE: options.base} if options.base else {}
    return {**os.environ, RULES_VARIABLE: rules, **given}


def _not_asking(rules: Sequence[MergeRule]) -> list[str]:
    """Options by which Git's merge driver doesn't ask on the terminal, if a rule answers everything."""
    general = any(rule.strategy and all(map(rule.is_for, ("", LAYOUT))) for rule in rules)
    answered = general and asks_user(Repository(Git()))
    return ["-c", "theta.merge="] if answered else []


def run_on_terminal(command: Sequence[str], env: Mapping[str, str], cwd: Path | None = None) -> int:
    """Run a git command of the terminal; returns its exit code.

    Raises:
        KeyboardInterrupt: Ctrl-C ended it.
    """
    with interrupts_left_to_others():
        code = subprocess.call(command, cwd=cwd, env=env)
    if code == -signal.SIGINT:
        raise KeyboardInterrupt
    return code
