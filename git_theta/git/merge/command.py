"""What `git theta merge` does: Git's own merge with a rule for the models, or a merge of several branches."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from git_theta.errors import GitError, UsageError
from git_theta.git.install.install import MERGE_DRIVER
from git_theta.git.merge import octopus
from git_theta.git.plumbing.command import Git
from git_theta.git.plumbing.notices import note
from git_theta.git.repository.merge_rules import RULES_VARIABLE, asks_user
from git_theta.git.repository.repository import Repository
from git_theta.merge.outcome import LAYOUT
from git_theta.merge.rules import MergeRule
from git_theta.report.merge_summary import summary
from git_theta.report.text import printable


@dataclass(frozen=True, slots=True)
class MergeOptions:
    """What the user wants of a merge.

    Attributes:
        rule: For the models, before all others; `None` to leave it to the settings.
        messages: Paragraphs of the commit's message; none to let Git write it.
        commit: Whether to commit; only one branch can be merged without.
        fast_forward: `True` for nothing but that, `False` for a commit in any case; `None` as is usual.
        unrelated: Whether branches without a common commit may be merged.
        edit: Whether an editor may open for the message.
    """

    rule: MergeRule | None = None
    messages: tuple[str, ...] = ()
    commit: bool = True
    fast_forward: bool | None = None
    unrelated: bool = False
    edit: bool = True


def merge(branches: Sequence[str], options: MergeOptions) -> int:
    """Merge branches into the current one.

    Args:
        branches: One or more, as the user named them.
        options: How, and what the commit says.

    Returns:
        The exit code: git's, where git does it.

    Raises:
        ThetaError: It can't be done, or several branches are in conflict; nothing has changed then.
    """
    git = Git()
    _ = Repository(git).root  # fails where there's no work tree
    if not git.config(MERGE_DRIVER):
        raise GitError("Git isn't set up to merge checkpoints", "run `git theta install`")
    rules = _with_rule(os.environ.get(RULES_VARIABLE, ""), options.rule)
    if len(branches) == 1:
        return _one(branches[0], rules, options)
    parents = octopus.independent(git, branches)
    if len(parents.branches) < 2:
        # What's left of them may be nothing; then any of them makes git say so.
        return _one(next(iter(parents.branches), branches[0]), rules, options)
    return _several(git, parents, rules, options)


def _with_rule(rules: str, rule: MergeRule | None) -> str:
    """The text of rules with one more at the end, which is the one that counts."""
    if rule is None:
        return rules
    if set(str(rule)) & {";", "\n"}:
        raise UsageError(f"a rule can't have a semicolon or a line break in it: {rule}")
    return f"{rules};{rule}" if rules else str(rule)


def _one(branch: str, rules: str, options: MergeOptions) -> int:
    words = [
        "git",
        *_not_asking(options.rule),
        "merge",
        *(word for text in options.messages for word in ("-m", text)),
    ]
    words += [] if options.commit else ["--no-commit"]
    words += [] if options.edit else ["--no-edit"]
    words += {None: [], True: ["--ff-only"], False: ["--no-ff"]}[options.fast_forward]
    words += ["--allow-unrelated-histories"] if options.unrelated else []
    return subprocess.call([*words, "--", branch], env={**os.environ, RULES_VARIABLE: rules})


def _not_asking(rule: MergeRule | None) -> list[str]:
    """Options by which Git's merge asks nothing if a rule has the answers already."""
    answered = rule is not None and all(map(rule.is_for, ("", LAYOUT))) and asks_user(Repository(Git()))
    return ["-c", "theta.merge="] if answered else []


def _several(git: Git, parents: octopus.Parents, rules: str, options: MergeOptions) -> int:
    if not options.commit:
        raise UsageError("--no-commit isn't for several branches", "merge one after the other")
    if options.fast_forward:
        raise UsageError(f"{len(parents.branches)} branches can't be merged by a fast-forward")
    repository = Repository(git).at_top()
    made = octopus.merge(
        repository,
        parents,
        rules,
        "\n\n".join(options.messages),
        unrelated=options.unrelated,
        head_too=options.fast_forward is False,
    )
    action = " ".join(("merge", *parents.branches))
    # Git moves the work tree and the index along, and refuses where that would overwrite something.
    code = subprocess.call(
        ["git", "merge", "--ff-only", "--quiet", made.commit],
        cwd=repository.root,
        env={**os.environ, "GIT_REFLOG_ACTION": action},
    )
    if code == 0:
        for path, merged in made.models.items():
            note(f"{printable(path)}: {summary(merged)}")
        print(f"Merged {len(parents.branches)} branches: {git.line('rev-parse', '--short', made.commit)}")
    return code
