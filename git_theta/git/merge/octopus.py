"""A merge of several branches at once: checkpoints from all sides together, other files by Git, two by two.

Git's own octopus calls no merge drivers. So checkpoints that several sides changed are merged first. Then
each side gets a helper commit that has the results already, and Git merges these without looking into a
checkpoint. Nothing but new objects is written until all of it has worked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from git_theta.errors import GitError
from git_theta.git.merge.candidates import MergeCandidate, candidates, with_base
from git_theta.git.merge.merge_candidates import merge_candidates, versions
from git_theta.git.merge.merge_trees import commit_tree, merge_trees, with_files
from git_theta.git.merge.octopus_indexes import merged_indexes
from git_theta.git.merge.parents import Parents, merge_base, merge_message
from git_theta.git.merge.pattern_check import check_matches
from git_theta.git.plumbing.command import Git
from git_theta.git.plumbing.git_version import MERGE_TREE, check_version
from git_theta.git.repository.repository import Repository
from git_theta.git.worktree.workspace import Workspace
from git_theta.merging.outcome import Merged
from git_theta.merging.rule_text import parse_lines
from git_theta.merging.rules import MergeRule


@dataclass(frozen=True, slots=True)
class MergeCommit:
    """A merge commit that no branch has yet.

    Attributes:
        commit: Id of the commit.
        checkpoints: Path → result, of each checkpoint that was merged parameter by parameter.
    """

    commit: str
    checkpoints: Mapping[str, Merged]


def merge_branches(
    repository: Repository,
    parents: Parents,
    rules: str,
    message: str = "",
    *,
    unrelated: bool = False,
    keep_head: bool = False,
    one_sided: bool = False,
    base: str = "",
) -> MergeCommit:
    """Make a merge commit. Branches, the index and the work tree stay as they are.

    Args:
        repository: The repository, with Git at the top of its work tree.
        parents: The commits to merge.
        rules: Rules as in the variable `GIT_THETA_MERGE`.
        message: The commit's message; empty for one as Git writes it.
        unrelated: Whether the commits may have no common ancestor.
        keep_head: Whether HEAD becomes a parent even if a branch contains it.
        one_sided: Whether checkpoints that only one side changed are merged by the rules, too.
        base: The merge base of checkpoints, as `base_id` gives it; empty for Git's.

    Raises:
        GitError: There are conflicts; the message names the files. Or a merge is going on, or Git is too old.
        ThetaError: A checkpoint can't be merged.
    """
    git = repository.git
    _check(repository)
    sides = parents.sides
    ancestor = merge_base(git, sides)
    if ancestor is None and not unrelated:
        raise GitError(
            "the branches have no commit in common", "to merge them all the same: --allow-unrelated-histories"
        )
    found = candidates(git, ancestor, sides, one_sided=one_sided)
    based = with_base(git, found, base)
    _check_patterns(repository, based, parse_lines(rules))
    revisions = [*sides, *([ancestor] if ancestor else [])]
    merged = merge_candidates(repository, based, rules, revisions)
    results = {each.path: (each.mode, _blob(git, merged[each.path])) for each in found}
    indexes = merged_indexes(repository, ancestor, sides)
    helpers = [
        with_files(
            git, side, {**{each.path: results[each.path] for each in found if each.sides[index]}, **indexes}
        )
        for index, side in enumerate(sides)
    ]
    tree = merge_trees(git, helpers, unrelated=unrelated)
    order = [parents.head, *parents.branches.values()] if keep_head else sides
    text = message or merge_message(git, parents)
    return MergeCommit(commit_tree(git, tree, order, text, *_signing(git)), merged)


def _check(repository: Repository) -> None:
    check_version(
        repository.git, MERGE_TREE, "a merge of several branches needs", "or merge one branch after the other"
    )
    if (repository.git_dir / "MERGE_HEAD").exists():
        raise GitError(
            "a merge is going on already", "finish it: git commit; or give it up: git merge --abort"
        )
    # An unknown committer is an error, which should come before the work and not after it.
    repository.git.run("var", "GIT_COMMITTER_IDENT")


def _check_patterns(
    repository: Repository, found: Sequence[MergeCandidate], rules: Sequence[MergeRule]
) -> None:
    """Check that patterns of rules match something in what is merged.

    Raises:
        UsageError: A pattern matches nothing.
    """
    if any(rule.renames or not rule.is_for_all for rule in rules):
        with Workspace(repository) as workspace:
            manifests = [manifest for each in found for manifest in versions(workspace, each)]
            check_matches(rules, manifests, repository.store)


def _blob(git: Git, merged: Merged) -> str:
    assert merged.manifest is not None  # noqa: S101
    return git.run("hash-object", "-w", "--stdin", stdin=merged.manifest.to_bytes()).decode().strip()


def _signing(git: Git) -> list[str]:
    wanted = git.line("config", "--type=bool", "--default=false", "commit.gpgsign")
    return ["-S"] if wanted == "true" else []
