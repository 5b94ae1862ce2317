"""`git theta merge`: Git's merge of one branch with a rule for checkpoints, or one of several branches."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace

from git_theta.errors import GitError, UsageError
from git_theta.git.install.install import MERGE_DRIVER
from git_theta.git.merge.git_merge import MergeOptions, git_commit, rules_text, run_on_terminal
from git_theta.git.merge.octopus import merge_branches
from git_theta.git.merge.one_branch import merge_one
from git_theta.git.merge.option_check import check_sides
from git_theta.git.merge.parents import Parents, independent_parents
from git_theta.git.plumbing.command import Git
from git_theta.git.plumbing.notices import note
from git_theta.git.repository.given_base import base_id
from git_theta.git.repository.repository import Repository
from git_theta.report.merge_summary import merge_lines
from git_theta.report.text import printable
from git_theta.runtime.output import say

#: Checks a merge before it's committed, and raises a ThetaError to stop it. Given the id of its commit, or an
#: empty text for the index, and the ids of its parents.
CheckMerge = Callable[[str, Sequence[str]], None]


def merge(branches: Sequence[str], options: MergeOptions, check: CheckMerge | None = None) -> int:
    """Merge branches into the current one.

    Args:
        branches: One or more branches, as the user named them.
        options: Options of the merge.
        check: Checks the merge, if it has no conflicts and isn't a fast-forward. If it raises an error, one
            branch stays merged in work tree and index, without a commit; several branches change nothing.

    Returns:
        The exit code, which is git's.

    Raises:
        ThetaError: The merge isn't possible, or several branches are in conflict; nothing has changed then.
            Or the check failed.
    """
    git = Git()
    repository = Repository(git).at_top()  # an error outside of a work tree
    if not git.config(MERGE_DRIVER):
        raise GitError("Git isn't set up to merge checkpoints", "run `git theta install`")
    rules = rules_text(options.rules)
    if options.base:
        options = replace(options, base=base_id(git, options.base))
    if len(branches) == 1:
        return _merge_one(repository, branches[0], rules, options, check)
    parents = independent_parents(git, branches)
    if len(parents.branches) < 2:
        # If no branch is left, git says for any of them that it's merged already.
        return _merge_one(repository, next(iter(parents.branches), branches[0]), rules, options, check)
    for rule in options.rules:
        check_sides(rule, 1 + len(parents.branches))
    return _merge_several(git, parents, rules, options, check)


def _merge_one(
    repository: Repository, branch: str, rules: str, options: MergeOptions, check: CheckMerge | None
) -> int:
    if check is None:
        return merge_one(repository, branch, rules, options)
    head = repository.git_dir / "MERGE_HEAD"
    was_merging = head.exists()
    code = merge_one(repository, branch, rules, replace(options, commit=False))
    if code or was_merging or not head.exists():
        return code
    before = _state(repository.git)
    check("", before[:2])
    if _state(repository.git) != before:
        raise GitError(
            "HEAD or the index has changed while tests ran; the merge isn't committed",
            "look at what is staged: git status",
        )
    return git_commit(options) if options.commit else 0


def _state(git: Git) -> list[str]:
    """The ids of HEAD, of the commit that is merged, and of the index's tree."""
    return [*git.line("rev-parse", "HEAD", "MERGE_HEAD").split("\n"), git.line("write-tree")]


def _merge_several(
    git: Git, parents: Parents, rules: str, options: MergeOptions, check: CheckMerge | None
) -> int:
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
        one_sided=bool(options.base) or any(rule.changes_everything for rule in options.rules),
        base=options.base,
    )
    if check:
        check(made.commit, [parents.head, *parents.branches.values()])
    action = " ".join(("merge", *parents.branches))
    # Git moves the work tree and the index along, and refuses to overwrite local changes.
    code = run_on_terminal(
        ["git", "merge", "--ff-only", "--quiet", made.commit],
        env={**os.environ, "GIT_REFLOG_ACTION": action},
        cwd=repository.root,
    )
    if code == 0:
        for path, merged in made.checkpoints.items():
            for line in merge_lines(merged, path=path):
                note(f"{printable(path)}: {line}")
        say(f"Merged {count} branches: {git.line('rev-parse', '--short', made.commit)}")
    return code
