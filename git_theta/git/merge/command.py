"""`git theta merge`: Git's merge of one branch with a rule for checkpoints, or one of several branches."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from git_theta.errors import GitError, UsageError
from git_theta.git.install.install import MERGE_DRIVER
from git_theta.git.merge.octopus import merge_branches
from git_theta.git.merge.parents import Parents, independent_parents
from git_theta.git.plumbing.command import Git
from git_theta.git.plumbing.notices import note
from git_theta.git.plumbing.sigint import interrupts_left_to_others
from git_theta.git.repository.merge_rules import asks_user
from git_theta.git.repository.repository import Repository
from git_theta.git.repository.rule_variables import RULES_VARIABLE
from git_theta.merge.outcome import LAYOUT
from git_theta.merge.rules import MergeRule
from git_theta.report.merge_summary import summary
from git_theta.report.text import printable
from git_theta.runtime.output import say

#: Whether HEAD may be moved to the branch instead of making a merge commit.
FastForward = Literal["allow", "only", "never"]

_FAST_FORWARD: dict[FastForward, list[str]] = {"allow": [], "only": ["--ff-only"], "never": ["--no-ff"]}


@dataclass(frozen=True, slots=True)
class MergeOptions:
    """Options of `git theta merge`.

    Attributes:
        rule: The rule for checkpoints, before all others; `None` to leave it to the settings.
        messages: Paragraphs of the commit's message; empty to let Git write it.
        commit: Whether to commit; several branches can't be merged without.
        fast_forward: Whether HEAD may be moved instead.
        unrelated: Whether branches without a common ancestor may be merged.
        edit: Whether an editor may open for the message.
    """

    rule: MergeRule | None = None
    messages: tuple[str, ...] = ()
    commit: bool = True
    fast_forward: FastForward = "allow"
    unrelated: bool = False
    edit: bool = True


def merge(branches: Sequence[str], options: MergeOptions) -> int:
    """Merge branches into the current one.

    Args:
        branches: One or more branches, as the user named them.
        options: Options of the merge.

    Returns:
        The exit code, which is git's.

    Raises:
        ThetaError: The merge isn't possible, or several branches are in conflict; nothing has changed then.
    """
    git = Git()
    _ = Repository(git).root  # an error outside of a work tree
    if not git.config(MERGE_DRIVER):
        raise GitError("Git isn't set up to merge checkpoints", "run `git theta install`")
    rules = _with_rule(os.environ.get(RULES_VARIABLE, ""), options.rule)
    if len(branches) == 1:
        return _merge_one(branches[0], rules, options)
    parents = independent_parents(git, branches)
    if len(parents.branches) < 2:
        # If no branch is left, git says for any of them that it's merged already.
        return _merge_one(next(iter(parents.branches), branches[0]), rules, options)
    return _merge_several(git, parents, rules, options)


def _with_rule(rules: str, rule: MergeRule | None) -> str:
    """The text of rules with another one at the end, which takes precedence."""
    if rule is None:
        return rules
    if set(str(rule)) & {";", "\n"}:
        raise UsageError(f"a rule can't have a semicolon or a line break in it: {rule}")
    return f"{rules};{rule}" if rules else str(rule)


def _merge_one(branch: str, rules: str, options: MergeOptions) -> int:
    words = ["git", *_not_asking(options.rule), "merge"]
    words += [word for text in options.messages for word in ("-m", text)]
    words += [] if options.commit else ["--no-commit"]
    words += [] if options.edit else ["--no-edit"]
    words += _FAST_FORWARD[options.fast_forward]
    words += ["--allow-unrelated-histories"] if options.unrelated else []
    return _call([*words, "--", branch], env={**os.environ, RULES_VARIABLE: rules})


def _not_asking(rule: MergeRule | None) -> list[str]:
    """Options by which Git's merge driver doesn't ask on the terminal, if the rule answers everything."""
    answered = rule is not None and all(map(rule.is_for, ("", LAYOUT))) and asks_user(Repository(Git()))
    return ["-c", "theta.merge="] if answered else []


def _merge_several(git: Git, parents: Parents, rules: str, options: MergeOptions) -> int:
    if not options.commit:
        raise UsageError("--no-commit isn't for several branches", "merge one after the other")
    count = len(parents.branches)
    if options.fast_forward == "only":
        raise UsageError(f"{count} branches can't be merged by a fast-forward")
    repository = Repository(git).at_top()
    made = merge_branches(
        repository,
        parents,
        rules,
        "\n\n".join(options.messages),
        unrelated=options.unrelated,
        keep_head=options.fast_forward == "never",
    )
    action = " ".join(("merge", *parents.branches))
    # Git moves the work tree and the index along, and refuses to overwrite local changes.
    code = _call(
        ["git", "merge", "--ff-only", "--quiet", made.commit],
        env={**os.environ, "GIT_REFLOG_ACTION": action},
        cwd=repository.root,
    )
    if code == 0:
        for path, merged in made.checkpoints.items():
            note(f"{printable(path)}: {summary(merged)}")
        say(f"Merged {count} branches: {git.line('rev-parse', '--short', made.commit)}")
    return code


def _call(command: Sequence[str], env: Mapping[str, str], cwd: Path | None = None) -> int:
    """Run a git command of the terminal; returns its exit code.

    Raises:
        KeyboardInterrupt: Ctrl-C ended it.
    """
    with interrupts_left_to_others():
        code = subprocess.call(command, cwd=cwd, env=env)
    if code == -signal.SIGINT:
        raise KeyboardInterrupt
    return code
