"""The merge of one branch: by Git, and by a rule also where Git sees nothing to decide.

Git takes a checkpoint that only one side changed without asking the merge driver. A rule for all parameters
is for these checkpoints, too: they are merged before Git merges, and written before the commit.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial

from git_theta.errors import GitError, ThetaError, UsageError
from git_theta.git.merge.candidates import MergeCandidate, candidates, with_base
from git_theta.git.merge.git_merge import MergeOptions, git_commit, git_merge
from git_theta.git.merge.merge_candidates import merge_candidates, versions
from git_theta.git.merge.merge_sharded import merge_by_git
from git_theta.git.merge.option_check import check_sides
from git_theta.git.merge.parents import merge_base
from git_theta.git.merge.pattern_check import check_matches
from git_theta.git.merge.sharded_sides import MergedCommits, ShardedSides, sharded_sides
from git_theta.git.plumbing.command import Git
from git_theta.git.plumbing.notices import note
from git_theta.git.plumbing.work_file import work_file
from git_theta.git.repository.repository import Repository
from git_theta.git.worktree.stage import NewVersion, index_line, write_and_stage
from git_theta.git.worktree.workspace import Workspace
from git_theta.merging.outcome import Merged
from git_theta.report.merge_summary import merge_lines

#: Checkpoints that a strategy wasn't used for, of which so many are named.
_SHOWN = 5


def merge_one(repository: Repository, branch: str, rules: str, options: MergeOptions) -> int:
    """Merge one branch into the current one.

    Args:
        repository: The repository, with Git at the top of its work tree.
        branch: The branch.
        rules: Rules as in the variable `GIT_THETA_MERGE`, with those of the options.
        options: Options of the merge.

    Returns:
        The exit code, which is git's.

    Raises:
        UsageError: A rule doesn't fit two sides, a pattern matches nothing, or the base has no such file;
            nothing has changed then.
        ThetaError: A checkpoint can't be merged; nothing has changed then.
    """
    git, given = repository.git, options.rules
    sides = _sides(git, branch)
    ancestor = merge_base(git, sides) if sides else None
    merging = (repository.git_dir / "MERGE_HEAD").exists()
    sharded: list[ShardedSides] = []
    if sides and not merging and ancestor not in sides:
        sharded = sharded_sides(git, MergedCommits(ancestor, *sides))
    by_git = partial(merge_by_git, repository, branch, rules, options, sharded=sharded)
    if not sides or merging or not (options.base or (given and ancestor)):
        return by_git()
    for rule in given:
        check_sides(rule, 2)
    words = " and ".join(rule.strategy or str(rule) for rule in given) or "--base"
    if ancestor == sides[1]:
        code = git_merge(branch, rules, options)
        note(f"{words} wasn't used: {branch} is merged already")
        return code
    shards = {path for model in sharded for path in model.paths}
    found = [each for each in candidates(git, ancestor, sides, one_sided=True) if each.path not in shards]
    based = with_base(git, found, options.base)
    if any(rule.renames or not rule.is_for("") for rule in given):
        with Workspace(repository) as workspace:
            all_versions = [manifest for each in based for manifest in versions(workspace, each)]
            check_matches(given, all_versions, repository.store)
    alone = {each.path: each for each in found if each.one_sided}
    everywhere = any(rule.changes_everything for rule in given)
    if not (everywhere or options.base):
        code = by_git()
        has_strategy = any(rule.strategy for rule in given)
        _note_unused(words, [*alone.values()], any_found=bool(found), everywhere=not has_strategy)
        return code
    check_clean(git, [*alone.values()])
    revisions = [*sides, *([ancestor] if ancestor else [])]
    merged = merge_candidates(repository, [each for each in based if each.path in alone], rules, revisions)
    results = {each: merged[path] for path, each in alone.items() if _differs(git, each, merged[path])}
    rest = [each for each in alone.values() if each not in results]
    _note_unused(words, rest, any_found=bool(found), everywhere=everywhere)
    if not results:
        return by_git()
    if options.fast_forward == "only":
        raise UsageError(
            f"{words} makes a new version of every model, which --ff-only doesn't allow",
            "leave --ff-only away, or take only what one side changed: --no-all-parameters",
        )
    return _merge_with(repository, by_git, options, results)


def _sides(git: Git, branch: str) -> tuple[str, ...]:
    """The commits of HEAD and of the branch; empty if one isn't there, which Git explains."""
    with suppress(GitError):
        words = ("rev-parse", "-q", "--verify", "--end-of-options")
        return git.line(*words, "HEAD^{commit}"), git.line(*words, f"{branch}^{{commit}}")
    return ()


def _differs(git: Git, candidate: MergeCandidate, merged: Merged) -> bool:
    """Whether a result is another one than the only change, which Git takes."""
    assert merged.manifest is not None  # noqa: S101
    oid = git.run("hash-object", "--stdin", stdin=merged.manifest.to_bytes()).decode().strip()
    return oid != candidate.sides[candidate.changed[0]]


def _note_unused(words: str, alone: Sequence[MergeCandidate], *, any_found: bool, everywhere: bool) -> None:
    """Say for which checkpoints strategies weren't used, as only one side changed them."""
    if not any_found:
        note(f"{words} wasn't used: no checkpoint differs")
    for each in alone[:_SHOWN]:
        sides = "both sides made the same change" if len(each.changed) > 1 else _only_side(each)
        hint = "" if everywhere else " (--all-parameters uses it anyway)"
        note(f"{each.path}: {words} wasn't used: {sides}{hint}")
    if len(alone) > _SHOWN:
        note(f"  and {len(alone) - _SHOWN} more")


def _only_side(candidate: MergeCandidate) -> str:
    return f"only {'ours' if candidate.changed == (0,) else 'theirs'} changed it"


def check_clean(git: Git, found: Sequence[MergeCandidate]) -> None:
    """Check that the work tree has no changes of files that are written.

    Raises:
        GitError: It has some.
    """
    paths = [f":(top,literal){each.path}" for each in found]
    words = ("status", "--porcelain", "-z", "-uno", "--ignore-submodules=all", "--", *paths)
    changed = os.fsdecode(git.run(*words)).split("\0") if paths else [""]
    if changed[0]:
        raise GitError(
            f"your changes of {changed[0][3:]} would be overwritten by the merge",
            "commit or stash them first",
        )


def _merge_with(
    repository: Repository,
    by_git: Callable[..., int],
    options: MergeOptions,
    results: Mapping[MergeCandidate, Merged],
) -> int:
    """Merge by Git, replace checkpoints by their results, and commit; returns the exit code."""
    code = by_git("--no-ff", "--no-commit", "--quiet")
    if not (repository.git_dir / "MERGE_HEAD").exists():
        return code
    try:
        with Workspace(repository) as workspace:
            for each, merged in results.items():
                _write(workspace, each, merged)
                for line in merge_lines(merged, path=each.path):
                    note(f"{each.path}: {line}")
    except ThetaError:
        if code == 0:
            repository.git.run("merge", "--abort")
        raise
    return git_commit(options) if code == 0 and options.commit else code


def _write(workspace: Workspace, candidate: MergeCandidate, merged: Merged) -> None:
    """Write a merged checkpoint over what Git's merge left, and stage it."""
    repository, path = workspace.repository, candidate.path
    assert merged.manifest is not None  # noqa: S101
    entry = repository.git.run("ls-files", "-s", "-z", "--", f":(top,literal){path}")
    mode, oid = entry.split()[:2]
    with work_file(repository.git.path(path)) as file:

        def unchanged() -> None:
            if file is None or not file.unchanged():
                raise GitError(f"{path} was written to meanwhile", "try again when it's quiet")

        before = index_line(path, mode.decode(), oid.decode())
        new = NewVersion(path, mode.decode(), merged.manifest, before, unchanged)
        write_and_stage(repository, workspace.known_files, [new])
