"""Git's merge of a branch, where models are merged that both sides sharded in different ways.

Git merges these shards file by file, which can't be right. They're then staged in the shards of ours, and
merged again.
"""

from __future__ import annotations

from collections.abc import Sequence

from git_theta.errors import ThetaError
from git_theta.git.merge.conflict_versions import conflict_versions
from git_theta.git.merge.git_merge import MergeOptions, git_commit, git_merge
from git_theta.git.merge.resolve import resolve
from git_theta.git.merge.restage import restage
from git_theta.git.merge.settled_index import settle_indexes
from git_theta.git.merge.sharded_sides import ShardedSides
from git_theta.git.plumbing.notices import explain, note
from git_theta.git.plumbing.unmerged import unmerged_paths
from git_theta.git.repository.repository import Repository
from git_theta.git.worktree.workspace import Workspace
from git_theta.merging.rule_text import parse_lines
from git_theta.report.merge_summary import conflict_lines, merge_lines
from git_theta.report.text import printable


def merge_by_git(
    repository: Repository,
    branch: str,
    rules: str,
    options: MergeOptions,
    *extra: str,
    sharded: Sequence[ShardedSides] = (),
) -> int:
    """Run `git merge`, and merge models that are sharded in different ways; returns the exit code.

    Args:
        repository: The repository, with Git at the top of its work tree.
        branch: The branch.
        rules: Rules as in the variable `GIT_THETA_MERGE`.
        options: Options of the merge.
        extra: More options of `git merge`, stronger than those.
        sharded: The models.

    Raises:
        ThetaError: A model can't be sharded as ours; it's in conflict then, or the merge has ended.
        KeyboardInterrupt: Ctrl-C ended it.
    """
    if not sharded or options.fast_forward == "only":
        code = git_merge(branch, rules, options, *extra)
        waiting = unmerged_paths(repository.git) if code == 1 else frozenset()
        if not waiting or waiting - {*settle_indexes(repository, waiting)}:
            return code
        return git_commit(options) if options.commit and "--no-commit" not in extra else 0
    code = git_merge(branch, rules, options, *extra, "--no-ff", "--no-commit", "--quiet")
    if not (repository.git_dir / "MERGE_HEAD").exists():
        return code
    try:
        _merge_models(repository, sharded, rules, options)
    except ThetaError:
        if code == 0:
            repository.git.run("merge", "--abort")
        raise
    if unmerged_paths(repository.git):
        return 1
    return git_commit(options) if options.commit and "--no-commit" not in extra else 0


def _merge_models(
    repository: Repository, sharded: Sequence[ShardedSides], rules: str, options: MergeOptions
) -> None:
    given = [str(rule) for rule in parse_lines(rules)]
    everything = any(rule.changes_everything for rule in options.rules)
    with Workspace(repository) as workspace:
        for model in sharded:
            paths = restage(workspace, model, given, every_shard=everything)
            note(f"{printable(model.title)}: merged in the shards of ours, as theirs has others")
            for path in paths:
                _merge_shard(workspace, path)
    settle_indexes(repository, unmerged_paths(repository.git))


def _merge_shard(workspace: Workspace, path: str) -> None:
    """Merge a shard that is staged as a conflict, and say what came of it."""
    versions = conflict_versions(workspace.repository, workspace.cleaners, path)
    try:
        merged = resolve(workspace, versions)
    except ThetaError as error:
        explain(path, error)
        return
    if merged.manifest is None:
        for line in conflict_lines(path, merged.conflicts, merged.parameters):
            note(line)
    else:
        for line in merge_lines(merged, versions.operation, path):
            note(f"{printable(path)}: {line}")
